"""Makes every file of vectors in this folder, or says which is not what would be made.

    python tests/vectors/make.py          writes the files
    python tests/vectors/make.py --check  changes nothing; names what differs and exits 1

Each `make_A_NAME.py` beside this file has a function `vectors()` whose value is `a-name.json`. Every byte is
determined: keys are hashes of their names, signatures are deterministic, times are fixed.
"""

from __future__ import annotations

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
NAMES = sorted(path.stem.removeprefix("make_") for path in HERE.glob("make_*.py"))


def main() -> int:
    """Write the files, or say whether they are what would be written."""
    parser = argparse.ArgumentParser(description="Make the vectors.")
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a file differs")
    check = parser.parse_args().check
    differs = []
    for name in NAMES:
        file = HERE / f"{name.replace('_', '-')}.json"
        text = json.dumps(import_module(f"make_{name}").vectors(), indent=1, ensure_ascii=False) + "\n"
        if check and (not file.exists() or file.read_text("utf-8") != text):
            differs.append(file.name)
        if not check:
            file.write_text(text, "utf-8")
    if differs:
        sys.stderr.write(f"Not what its script makes: {', '.join(differs)}. Run: python tests/vectors/make.py\n")
    return int(bool(differs))


if __name__ == "__main__":
    sys.exit(main())
