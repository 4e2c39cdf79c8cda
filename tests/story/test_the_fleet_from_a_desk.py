"""A paired device, its three services and a receiver as real processes: what IT sees of it from a desk."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from firmware.demo.place import DemoPlace
from firmware.demo.story import Story
from firmware.fleet import this_release
from firmware.supervision import Supervisor
from tests.story.desk import wait_until, wardlens

pytestmark = pytest.mark.models


def devices(place: DemoPlace) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(wardlens(place, "receiver", "devices", "--json"))
    return rows


def test_it_sees_a_device_with_its_self_test_its_models_and_its_pictures_and_sees_it_leave(
    place: DemoPlace, pictures: Any, program: Callable[[str], Any]
) -> None:
    program("mosquitto")
    with Supervisor(place.logs) as services:
        story = Story(place, services, lambda _said: None, embedded=False)
        paired = story.begin()
        asyncio.run(story.photograph(sorted(pictures.iterdir()), lambda _row: None))

        def tested() -> dict[str, Any] | None:
            (row,) = devices(place)
            return row if row["self_test"] and row["queued"] == 0 and row["drift"]["pictures"] == 3 else None

        row = wait_until(tested, "the device's word, with its test of itself", 90)
        assert (row["device"], row["presence"], row["status"]) == (paired.identity.device, "online", "active")
        assert row["version"] == this_release().version
        assert set(row["self_test"].values()) == {"passed"}, row["self_test"]
        assert row["self_test_by_its_own_clock"]
        assert row["models"]
        assert {model["is"] for model in row["models"].values()} == {"known"}
        assert (row["certificate_days"], row["oldest_waiting_seconds"], row["parked"]) == (29, None, 0)
        assert row["free_bytes"] > 0
        assert row["drift"]["regions"]["own"] > 0
        assert [said["concern"] for said in row["attention"]] in ([], ["hot"]), row["attention"]

        with httpx.Client(follow_redirects=True, timeout=20) as client:
            link = wardlens(place, "receiver", "link", "Ada Admin", "--role", "it").strip()
            client.get(link)
            address = link.partition("/login")[0]
            page = client.get(f"{address}/devices").text
            assert f"<h2>{row['name']}</h2>" in page
            assert "Online since" in page
            metrics = client.get(f"{address}/metrics").text
            assert "\nwardlens_fleet_online 1\n" in metrics
            assert row["device"] not in metrics

        sync = next(child for child in services.children if child.name == "sync")
        sync.process.kill()
        wait_until(lambda: devices(place)[0]["presence"] == "away", "its will", 90)
        assert re.search(r"\baway\b", wardlens(place, "site", "devices"))
