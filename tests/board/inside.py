"""Starts a device's three services in its own system, each as its own user, and says how they are: JSON in /out.

Run by the system's own Python, in a root that was just entered: no systemd, no camera but a folder of pictures.
"""

import asyncio
import grp
import json
import os
import pwd
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from capture.errors import CaptureError
from capture.service import CameraClient

OUT, RUN = Path("/out"), Path("/run/wardlens")
SERVICES = {"camera": ("wl-camera", "wl-live"), "panel": ("wl-panel", "wl-live"), "sync": ("wl-sync", "wl-vault")}
"""Their users and groups: those of their units."""
WAIT_S = float(os.environ["WAIT_S"])


def prepare():
    for command in (
        ["ip", "link", "set", "lo", "up"],
        ["mount", "-t", "tmpfs", "tmpfs", "/var"],
        ["mkdir", "-p", "/var/lib", "/var/tmp"],
        ["systemd-tmpfiles", "--create", "--prefix=/var/lib/wardlens"],
        ["install", "-d", "-m", "0750", "-o", "wl-camera", "-g", "wl-live", str(RUN)],
    ):
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)


def started(name):
    user, group = SERVICES[name]
    log = (OUT / f"{name}.log").open("wb")
    return subprocess.Popen(
        [f"{sys.prefix}/bin/wardlens", name, "run"], stdout=log, stderr=log, umask=0o007,
        user=pwd.getpwnam(user).pw_uid, group=grp.getgrnam(group).gr_gid,
        extra_groups=os.getgrouplist(user, grp.getgrnam(group).gr_gid),
    )  # fmt: skip


def until(said, ready, processes):
    """What is said once it is ready; an error when the time is over or a service has ended."""
    end, last = time.monotonic() + WAIT_S, None
    while time.monotonic() < end:
        if ended := [name for name, process in processes.items() if process.poll() is not None]:
            raise RuntimeError(f"{ended[0]} has ended")
        try:
            last = said()
        except (OSError, CaptureError) as not_yet:
            last = repr(not_yet)
        else:
            if ready(last):
                return last
        time.sleep(1)
    raise TimeoutError(f"not ready: {last}")


def page(path):
    with urllib.request.urlopen(f"http://127.0.0.1:8470{path}", timeout=60) as answer:
        return answer.read().decode()


def healthz():
    """What a scraper reads: 503 as long as no picture can be taken, which is so before a box is paired."""
    try:
        return json.loads(page("/healthz"))
    except urllib.error.HTTPError as unavailable:
        return json.loads(unavailable.read())


async def health():
    async with CameraClient(RUN / "camera.sock", timeout_s=60) as client:
        return await client.health()


def main():
    prepare()
    processes = {name: started(name) for name in SERVICES}
    try:
        found = {
            "camera": until(lambda: asyncio.run(health()), lambda said: said["camera"]["state"] == "ready", processes),
            "page": until(lambda: page("/"), lambda said: "<html" in said, processes),
            "healthz": until(healthz, bool, processes),
            "sync": until((OUT / "sync.log").read_text, lambda said: "waiting-for-pairing" in said, processes),
            "users": {
                name: pwd.getpwuid(Path(f"/proc/{one.pid}").stat().st_uid).pw_name for name, one in processes.items()
            },
        }
        (OUT / "found.json").write_text(json.dumps(found))
    finally:
        for process in processes.values():
            process.terminate()


if __name__ == "__main__":
    main()
