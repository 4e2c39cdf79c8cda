"""Runs what the machine that emulates this one asks for: a JSON line in, a JSON line out, over a serial port."""

import base64
import json
import subprocess
from pathlib import Path

PORT = Path("/dev/virtio-ports/wardlens.test")

with PORT.open("r+b", buffering=0) as port:
    waiting = b""
    while True:
        got = port.read(65536)
        if not got:
            raise SystemExit
        waiting += got
        *lines, waiting = waiting.split(b"\n")
        for line in lines:
            asked = json.loads(line)
            try:
                done = subprocess.run(
                    asked["run"],
                    input=base64.b64decode(asked["given"]),
                    capture_output=True,
                    timeout=asked["seconds"],
                    check=False,
                )
                said = {"status": done.returncode, "out": done.stdout, "err": done.stderr}
            except (OSError, subprocess.TimeoutExpired) as error:
                said = {"status": -1, "out": b"", "err": str(error).encode()}
            said = {
                name: base64.b64encode(one).decode() if isinstance(one, bytes) else one for name, one in said.items()
            }
            answer = json.dumps({"id": asked["id"], **said}).encode() + b"\n"
            while answer:
                answer = answer[port.write(answer) :]
