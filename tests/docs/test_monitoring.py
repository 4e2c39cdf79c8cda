"""The alert file and the dashboard that IT loads: valid, over metrics that there are, firing when they must."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync.protocol import DeviceFacts
from sync.receiver import AlarmKind, ReceiverStatus
from sync.receiver.archive import Counts, Figures
from sync.receiver.fleet import Concern, FleetDevice, Presence
from sync.receiver.metrics import exposition

PAGES = Path(__file__).parents[2] / "docs" / "monitoring"
ALERTS = PAGES / "wardlens-alerts.yml"
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]
]
DASHBOARD: dict[str, Any] = json.loads((PAGES / "wardlens-dashboard.json").read_text("utf-8"))
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]

WELL = FleetDevice(
    "bed-1",
    "Ward 9",
    "active",
    Presence.ONLINE,
    since_ms=1_790_000_000_000,
    heard_at_ms=1_790_000_000_000,
    facts=DeviceFacts("0.1.0", 0, 0, 10**10, 20, celsius=50),
    certificate_days=20,
    figures=Figures(10, regions=20),
)
SERIES = re.compile(r"^(wardlens_\w+)(?:\{(\w+)=\"([^\"]+)\"\})? (\S+)$", re.MULTILINE)
NAMED = re.compile(r"\b(wardlens_\w+)(?:\{(\w+)=\"([^\"]+)\"\})?")


def healthy() -> dict[str, str]:
    """What a hospital in which all is well gives Prometheus: each series and its value."""
    counts = Counts(5, 10**6, 1, 0, 0, 0, 0, 0, 0)
    now = ReceiverStatus(1_790_000_060_000, (), ("receiver-1",), counts, 1_790_000_000_000, (), ())
    found = SERIES.findall(exposition(now, [WELL], datetime(2027, 9, 1, tzinfo=UTC)))
    return {f'{name}{{{label}="{value}"}}' if label else name: figure for name, label, value, figure in found}


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in RULES)
    yield from (target["expr"] for panel in PANELS for target in panel["targets"])


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_an_expression_names_only_series_that_there_are(expression: str) -> None:
    series = healthy()
    named = NAMED.findall(expression)
    assert named
    for name, label, value in named:
        wanted = f'{name}{{{label}="{value}"}}' if label else name
        assert any(one == wanted or (not label and one.startswith(f"{name}{{")) for one in series), wanted


def test_every_concern_has_its_alert_and_every_alert_says_what_to_do() -> None:
    matched = re.findall(r'concern="([a-z-]+)"', " ".join(rule["expr"] for rule in RULES))
    assert sorted(matched) == sorted(Concern)
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in {"critical", "warning", "info"}
        assert set(rule["annotations"]) == {"summary", "description"}
        assert all(text.endswith(".") for text in rule["annotations"].values()), rule["alert"]


@pytest.fixture
def promtool(program: Callable[[str], Path]) -> Callable[..., str]:
    """Prometheus's own checker."""
    path = program("promtool")

    def run(*words: str | Path) -> str:
        done = subprocess.run([path, *words], capture_output=True, text=True, check=False, timeout=60)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_prometheus_takes_the_alerts_and_the_dashboards_expressions(
    promtool: Callable[..., str], tmp_path: Path
) -> None:
    assert f"{len(RULES)} rules found" in promtool("check", "rules", ALERTS)
    recorded = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(sorted(set(expressions())))]
    rules = tmp_path / "dashboard.yml"
    rules.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": recorded}]}))
    promtool("check", "rules", rules)


WRONG: Mapping[str, Mapping[str, str]] = {
    "WardlensNotScraped": {"wardlens_receiver_receivers_alive": "_x5400"},
    "WardlensNoReceiver": {"wardlens_receiver_receivers_alive": "0x5400"},
    "WardlensAlarmOpen": {f'wardlens_receiver_alarms_open{{kind="{AlarmKind.FORKED}"}}': "1x5400"},
    "WardlensRefused": {"wardlens_receiver_quarantined": "0+1x5400"},
    "WardlensNotOpenable": {"wardlens_receiver_captures_not_openable": "1x5400"},
    "WardlensReceiptsWait": {"wardlens_receiver_receipts_unsent": "1x5400"},
    "WardlensSiteCertificateEnds": {"wardlens_site_least_certificate_seconds": f"{59 * 86_400}x5400"},
    "WardlensNobodyOnline": {"wardlens_fleet_online": "0x5400"},
    "WardlensVersionsDiffer": {"wardlens_fleet_versions": "2x5400"},
    **{
        rule["alert"]: {rule["expr"].partition(" ")[0]: "1x5400"}
        for rule in RULES
        if rule["expr"].startswith("wardlens_fleet_concerns")
    },
}


def test_each_alert_fires_for_what_it_is_about_and_none_where_all_is_well(
    promtool: Callable[..., str], tmp_path: Path
) -> None:
    assert set(WRONG) == {rule["alert"] for rule in RULES}
    well = {name: f"{value}x5400" for name, value in healthy().items()}
    cases: list[dict[str, Any]] = [
        {
            "interval": "4m",  # Prometheus takes a series as gone after five
            "input_series": [{"series": name, "values": values} for name, values in (well | wrong).items()],
            "promql_expr_test": [
                {
                    "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                    "eval_time": "15d" if alert == "WardlensVersionsDiffer" else "26h",
                    "exp_samples": [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert else [],
                }
            ],
        }
        for alert, wrong in {"": {}, **WRONG}.items()
    ]
    file = tmp_path / "fires.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "12m", "tests": cases}))
    assert "SUCCESS" in promtool("test", "rules", file)


def test_an_away_device_is_nobodys_alert_while_no_receiver_could_hear_it(
    promtool: Callable[..., str], tmp_path: Path
) -> None:
    wrong = {
        "wardlens_receiver_receivers_alive": "0x5400",
        'wardlens_fleet_concerns{concern="away"}': "9x5400",
        'wardlens_fleet_concerns{concern="waiting"}': "9x5400",
        "wardlens_fleet_online": "0x5400",
    }
    case = {
        "interval": "4m",
        "input_series": [{"series": name, "values": values} for name, values in wrong.items()],
        "promql_expr_test": [
            {
                "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
                "eval_time": "2d",
                "exp_samples": [{"labels": '{alertname="WardlensNoReceiver"}', "value": 1}],
            }
        ],
    }
    file = tmp_path / "quiet.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(ALERTS)], "evaluation_interval": "12m", "tests": [case]}))
    promtool("test", "rules", file)


def test_the_dashboard_is_one_that_grafana_can_lay_out() -> None:
    assert (DASHBOARD["uid"], DASHBOARD["title"]) == ("wardlens", "Wardlens")
    (variable,) = DASHBOARD["templating"]["list"]
    assert (variable["type"], variable["query"]) == ("datasource", "prometheus")
    assert len({panel["id"] for panel in PANELS}) == len(PANELS) >= 15
    for panel in PANELS:
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["title"]
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"]) > 0
        for part in (panel, *panel["targets"]):
            assert part["datasource"] == {"type": "prometheus", "uid": f"${{{variable['name']}}}"}
    for one, other in combinations((panel["gridPos"] for panel in PANELS), 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in PANELS)
