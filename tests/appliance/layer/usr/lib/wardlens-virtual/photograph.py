"""What the panel asks of the camera service when somebody photographs, with more patience: photograph.py BADGE

Answers every question as found right, and prints a JSON object: the capture, and how long what took.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

from capture.errors import CaptureError
from capture.service import CameraClient, as_found

PATIENCE_S = 3600.0
ENCOUNTER = {
    "patient": "4010232137",
    "body_site": "70559009",
    "laterality": "left",
    "consent": {"record": True, "second_opinion": False, "teaching": False},
    "note": "",
    "series": "",
    "urgent": False,
}


async def until_tested(client):
    while True:
        health = await client.health()
        tested = health["self_test"]["state"]
        if tested != "pending" and health["engine"]["state"] == "ready":
            return health["self_test"]
        await asyncio.sleep(2)


async def main(badge):
    began, took = time.monotonic(), {}
    async with CameraClient(Path("/run/wardlens/camera.sock"), timeout_s=PATIENCE_S) as client:
        tested = await until_tested(client)
        took["tested_s"] = time.monotonic() - began
        if tested["state"] != "passed":
            return {"failed": json.dumps(tested)}
        pressed = time.monotonic()
        try:
            still = await client.take()
            took["still_s"] = time.monotonic() - pressed
            if answers := as_found(still, badge):
                await client.decide(still["id"], answers)
            kept = await client.accept(still["id"], {**ENCOUNTER, "clinician": badge})
        except CaptureError as refused:
            return {"failed": refused.sentence}
    return {"capture": kept["capture"], "regions": len(still["redaction"]["regions"]), **took}


sys.stdout.write(json.dumps(asyncio.run(main(sys.argv[1]))) + "\n")
