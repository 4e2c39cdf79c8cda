"""What somebody at the box does, without a finger: pairs it by what its camera sees, and takes pictures.

at_the_box.py pair: holds the invitation to the camera, and prints the six digits, then that it is paired.
at_the_box.py photograph PATIENT COUNT: prints a line for each picture that the device says it has taken.
"""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

from capture.errors import CaptureError
from capture.service import CameraClient

PANEL = "http://127.0.0.1:8470"
SOCKET = Path("/run/wardlens/camera.sock")
PATIENCE_S = 240
BADGE = "4711"


def say(**facts):
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def asked(path, method="GET"):
    """What the panel answers."""
    request = urllib.request.Request(
        PANEL + path, method=method, headers={"Origin": PANEL, "Sec-Fetch-Site": "same-origin"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
        return json.loads(answer.read() or b"{}")


def pair():
    end, shown, read = time.monotonic() + PATIENCE_S, "", False
    while time.monotonic() < end:
        try:
            if not read:
                said = asked("/pairing/scan", "POST")
                read = bool(said.get("read"))
                say(scan=said)
            now = asked("/pairing/progress")
        except urllib.error.HTTPError as error:
            now = {"error": error.read().decode("utf-8", "replace")}
        except urllib.error.URLError as error:
            now = {"error": str(error.reason)}
        if (digits := now.get("digits")) and digits != shown:
            shown = digits
            say(digits=digits)
        if now.get("step") in {"paired", "failed"} or (read and "error" in now):
            say(**now)
            return
        time.sleep(0.5)
    say(error="it did not come to an end")


async def photograph(patient, count):
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            async with CameraClient(SOCKET) as client:
                health = await client.health()
                if health["engine"]["state"] == health["camera"]["state"] == "ready" and not health.get("held"):
                    break
        except CaptureError as error:
            if time.monotonic() > end:
                raise
            health = {"error": error.sentence}
        if time.monotonic() > end:
            say(health=health)
            return
        await asyncio.sleep(0.2)
    say(ready=True)
    async with CameraClient(SOCKET) as client:
        for number in range(count):
            began = time.monotonic()
            still = await taken(client, end)
            if still["unanswered"]:
                confirmed = [{"action": "confirm", "kind": kind, "by": BADGE} for kind in still["unanswered"]]
                await client.decide(still["id"], confirmed)
            encounter = {
                "patient": patient, "clinician": BADGE, "body_site": "70559009", "laterality": "left",
                "consent": {"record": True, "second_opinion": False, "teaching": False},
                "note": "", "series": "", "urgent": False,
            }  # fmt: skip
            kept = await client.accept(still["id"], encounter)
            say(capture=kept["capture"], seconds=round(time.monotonic() - began, 1), number=number)


async def taken(client, end):
    """A still, once the device's test of itself lets it take one."""
    while True:
        try:
            return await client.take()
        except CaptureError as error:
            if time.monotonic() > end:
                raise
            say(waits=error.sentence)
            await asyncio.sleep(1)


if __name__ == "__main__":
    if sys.argv[1] == "pair":
        pair()
    else:
        asyncio.run(photograph(sys.argv[2], int(sys.argv[3])))
