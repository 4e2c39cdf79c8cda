"""The long form: many rounds on one parser after another, guided by coverage where atheris is installed.

    python tests/fuzz/fuzz.py                              every parser, a million rounds in all
    python tests/fuzz/fuzz.py invitation --rounds 50000    one parser

Each parser has a process of its own, with a bound on its memory. What is wrong goes, as the input itself, into
`found/NAME/`, one file for each way in which it is wrong; from then on the tests try it in every run. Ends with 1 if
anything was found. Without atheris, an input that is taken in a new way becomes one more to change.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import logging
import os
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from parsers import Parser

HERE: Final = Path(__file__).parent
PROJECT: Final = HERE.parents[1]
ROOMS: Final = ["capture", "sync", "provisioning", "inference", "firmware"]
MEMORY: Final = Path("/dev/shm")
FATAL: Final = "fatal-"
"""Begins the name of an input that ended the process itself."""
ADDRESS_SPACE: Final = 8 << 30


class Finder:
    """Judges inputs of one parser and keeps the first of each kind that is wrong."""

    def __init__(self, parser: Parser) -> None:
        from parsers import judge  # noqa: PLC0415 - imported when the rooms are instrumented

        self._parser, self._judge = parser, judge
        self.seeds = parser.seeds()
        self.complaints: set[str] = set()

    def take(self, data: bytes) -> None:
        """Judge `data`; keep it if it is wrong in a new way."""
        self.is_well(data)

    def is_well(self, data: bytes) -> bool:
        """Whether nothing is wrong with how `data` is taken; what is wrong in a new way is kept."""
        complaint = self._judge(self._parser, data, self.seeds)
        kind = complaint.partition(":")[0]
        if complaint and kind not in self.complaints:
            self.complaints.add(kind)
            say(f"{self._parser.name}: {complaint} ({keep(self._parser.name, data).relative_to(PROJECT)})")
        return not complaint


def keep(name: str, data: bytes) -> Path:
    """Where an input that is wrong lies from now on."""
    path = HERE / "found" / name / f"{hashlib.sha256(data).hexdigest()[:12]}.bin"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def guided(name: str, rounds: int, seed: int) -> None:
    """`rounds` on one parser, guided by coverage. Ends the process."""
    import atheris  # noqa: PLC0415 - an extra

    with atheris.instrument_imports(include=ROOMS):
        from parsers import PARSERS  # noqa: PLC0415
    from mutation import LONGEST, mutated  # noqa: PLC0415

    finder = Finder(PARSERS[name])
    corpus = tempfile.mkdtemp(prefix="wardlens-fuzz-corpus-")
    for number, data in enumerate(finder.seeds):
        Path(corpus, str(number)).write_bytes(data)

    def change(data: bytes, most: int, number: int) -> bytes:
        random = Random(number)
        if random.random() < 0.3:
            return bytes(atheris.Mutate(data, most))
        return mutated(random, [data] * len(finder.seeds) + list(finder.seeds))[:most]

    quiet = ["-verbosity=0", "-print_final_stats=0", f"-artifact_prefix={corpus}/{FATAL}"]
    bounds = [f"-runs={rounds}", f"-seed={seed}", f"-max_len={LONGEST}", "-timeout=60", "-rss_limit_mb=4096"]
    atheris.Setup([sys.argv[0], *bounds, *quiet, corpus], finder.take, custom_mutator=change)
    atheris.Fuzz()


def unguided(name: str, rounds: int, seed: int) -> None:
    """`rounds` on one parser; what is taken, or refused at a new line, joins the inputs that are changed."""
    from mutation import mutated  # noqa: PLC0415 - beside this file
    from parsers import PARSERS  # noqa: PLC0415 - beside this file

    parser = PARSERS[name]
    finder = Finder(parser)
    random, corpus, known = Random(seed), list(finder.seeds), set[str]()
    for _ in range(rounds):
        data = mutated(random, corpus)
        if finder.is_well(data) and (way := _way(parser.parse, data)) not in known:
            known.add(way)
            corpus.append(data)


def _way(parse: Callable[[bytes], object], data: bytes) -> str:
    """How an input is taken: by which line it is refused."""
    try:
        parse(data)
    except Exception as error:  # noqa: BLE001 - each is a way
        return "\n".join(f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)[:8])
    return "taken"


def run(names: Sequence[str], rounds: int, seed: int) -> int:
    """The exit status of a run over all of `names`."""
    how = "guided by coverage" if has_atheris() else "without atheris, so not guided by coverage"
    say(f"{rounds} rounds on each of {len(names)} parsers, seed {seed}, {how}")
    wrong = [name for name in names if not _is_well(name, rounds, seed)]
    say(f"Wrong: {', '.join(wrong)}. The inputs are in tests/fuzz/found/." if wrong else "Nothing was found.")
    return int(bool(wrong))


def _is_well(name: str, rounds: int, seed: int) -> bool:
    """Whether nothing was found of one parser, in a process of its own."""
    command = [sys.executable, __file__, "--child", name, "--rounds", str(rounds), "--seed", str(seed)]
    path = os.pathsep.join(filter(None, [str(PROJECT), os.environ.get("PYTHONPATH", "")]))
    began = time.monotonic()
    # The child's own files lie in it too: libFuzzer ends a process without Python's tidying up.
    with tempfile.TemporaryDirectory(
        prefix="wardlens-fuzz-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None
    ) as folder:
        environment = {**os.environ, "PYTHONPATH": path, "TMPDIR": folder}
        child = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        fatal = [keep(name, path.read_bytes()) for path in Path(folder).glob(f"*/{FATAL}*")]
    say(f"{name}: {rounds} rounds in {time.monotonic() - began:.0f} s")
    if child.stdout:
        say(child.stdout.rstrip())
    if child.returncode:
        say(f"The process ended with {child.returncode} ({', '.join(map(str, fatal))}): {child.stderr[-500:]}")
    return not child.stdout and not child.returncode


def has_atheris() -> bool:
    """Whether the extra `fuzz` is installed."""
    return importlib.util.find_spec("atheris") is not None


def say(line: str) -> None:
    """One line to whoever waits."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """The command line."""
    options = argparse.ArgumentParser(description="Fuzz the parsers.")
    options.add_argument("names", nargs="*", metavar="NAME", help="which parsers; all without")
    options.add_argument("--rounds", type=int, help="on each parser; a million in all without")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--child", help=argparse.SUPPRESS)
    asked = options.parse_args()
    sys.path[:0] = [str(HERE), str(PROJECT)]
    logging.disable(logging.CRITICAL)
    if asked.child:
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
        (guided if has_atheris() else unguided)(asked.child, asked.rounds, asked.seed)
        return 0
    from parsers import PARSERS  # noqa: PLC0415 - beside this file

    if unknown := set(asked.names) - PARSERS.keys():
        options.error(f"no parser is called {min(unknown)}; there are: {', '.join(sorted(PARSERS))}")
    chosen = asked.names or sorted(PARSERS)
    return run(chosen, asked.rounds or -(-1_000_000 // len(chosen)), asked.seed)


if __name__ == "__main__":
    sys.exit(main())
