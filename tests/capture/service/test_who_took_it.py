"""Who accepted a picture is on the ledger by their badge, and by nothing that is none."""

from __future__ import annotations

import pytest

from capture.encounter import BODY_SITES
from capture.ledger import parse_line


@pytest.mark.parametrize(("clinician", "said"), [("nurse-7", "nurse-7"), ("Nurse Seven", None), ("7/é", None)])
def test_the_ledger_says_who_accepted_a_picture_by_the_badge_alone(device, tmp_path, clinician, said):
    async def act(client):
        still = await client.take()
        site = next(iter(BODY_SITES))
        encounter = {"patient": "P-1", "clinician": clinician, "body_site": site, "consent": {"record": True}}
        return await client.accept(still["id"], encounter)

    kept = device.story(act)
    lines = [parse_line(line) for line in (tmp_path / "ledger" / "camera.jsonl").read_bytes().splitlines()]
    (sealed,) = [line for line in lines if line.event == "capture-sealed"]
    assert sealed.facts["capture"] == kept["capture"]
    assert sealed.facts.get("clinician") == said
