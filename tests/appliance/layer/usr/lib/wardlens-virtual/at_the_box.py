"""What somebody at the box's screen does to pair it, without a finger: at_the_box.py LINE

Prints a JSON object a line: the six digits, then how it ended. An emulated machine is too slow for the models without
which the device looks at no code, so the line is pasted.
"""

import json
import sys
import time
import urllib.error
import urllib.request

PANEL = "http://127.0.0.1:8470"
PATIENCE_S = 300


def say(**facts):
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()


def asked(path, body=None):
    """What the panel answers."""
    own = {"Origin": PANEL, "Sec-Fetch-Site": "same-origin", "X-Wardlens": "1", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(PANEL + path, headers=own, data=data)
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return {"step": "failed", "sentence": error.read().decode("utf-8", "replace")}


def main(line):
    end, shown = time.monotonic() + PATIENCE_S, ""
    now = asked("/pairing", {"line": line})
    while now.get("step") not in {"paired", "failed"} and time.monotonic() < end:
        if (digits := now.get("digits")) and digits != shown:
            shown = digits
            say(digits=digits.replace(" ", ""))
        time.sleep(0.5)
        now = asked("/pairing/progress")
    say(**now)


main(sys.argv[1])
