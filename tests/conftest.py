"""What all rooms' tests share: where real pictures, models and servers are, and a portrait that anybody may use.

A missing server is a skip on a newcomer's machine and a failure in CI: under `WARDLENS_REQUIRE_SERVERS=1` every skip
fails, but for tests marked `data` while `WARDLENS_TEST_DATA` is unset, and skips whose reason begins with "hardware:".
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from inference import PackageFile, PackageUnavailable, Pixels, fetch_package_file

# A shared two-core machine may pause any example; a slow example is not a broken promise.
settings.register_profile("wardlens", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("wardlens")

REQUIRE_SERVERS = os.environ.get("WARDLENS_REQUIRE_SERVERS") == "1"
TEST_DATA = os.environ.get("WARDLENS_TEST_DATA", "")
MODELS = Path(os.environ.get("WARDLENS_MODELS") or Path(sys.prefix) / "share" / "wardlens" / "models")
ASTRONAUT = PackageFile("pypi", "scikit-image", "0.26.0", "skimage/data/astronaut.png")
ASTRONAUT_SHA256 = "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real pictures; mark the test `data`."""
    if not TEST_DATA:
        pytest.skip("WARDLENS_TEST_DATA does not name the folder of real pictures")
    return Path(TEST_DATA)


@pytest.fixture(scope="session")
def models_folder() -> Path:
    """The folder of model weights; mark the test `models`."""
    if not any(MODELS.glob("*.onnx")):
        pytest.skip(f"no models in {MODELS}; run `wardlens models fetch`")
    return MODELS


@pytest.fixture(scope="session")
def astronaut(models_folder: Path) -> Pixels:
    """The public-domain portrait of Eileen Collins that scikit-image's wheel carries, 512×512."""
    path = models_folder / "astronaut.png"
    if not path.exists():
        try:
            fetch_package_file(ASTRONAUT, ASTRONAUT_SHA256, path)
        except PackageUnavailable as error:
            pytest.skip(str(error))
    picture = cv2.imread(str(path))
    assert picture is not None
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), dtype=np.uint8)


@pytest.fixture(scope="session")
def program() -> Callable[[str], Path]:
    """Gives the path of a real server's program, such as `program("mosquitto")`, or skips with the reason."""

    def find(name: str) -> Path:
        # Debian puts servers where an ordinary user's PATH does not look.
        found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
        if found is None:
            pytest.skip(f"{name} is not installed; tests/servers.sh says how")
        return Path(found)

    return find


def _may_skip(item: pytest.Item | None, reason: str) -> bool:
    if not REQUIRE_SERVERS or "hardware:" in reason:
        return True
    return item is not None and not TEST_DATA and item.get_closest_marker("data") is not None


def _reason(report: pytest.TestReport | pytest.CollectReport) -> str:
    return report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.skipped and not hasattr(report, "wasxfail") and not _may_skip(item, _reason(report)):
        report.outcome = "failed"
        report.longrepr = f"skipped where every server is required: {_reason(report)}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    if report.skipped and not _may_skip(None, _reason(report)):
        report.outcome = "failed"
        report.longrepr = f"skipped where every server is required: {_reason(report)}"
    return report
