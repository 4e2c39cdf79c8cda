"""The ledger page: the last events of every chain, and the chains' heads. Reads the files, judges nothing."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from capture.ledger import LedgerError, Line, parse_line, read_heads
from provisioning.panel.languages import Language
from provisioning.panel.words import clock_time

MOST_EVENTS = 50
TAIL_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class ShownHead:
    """One chain: how long it is, and the hash that stands for all of it."""

    chain: str
    sequence: int
    hash: str


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One event in words."""

    title: str
    when: str
    facts: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class ShownLedger:
    """What the page shows; the sentence says why there is nothing."""

    heads: tuple[ShownHead, ...] = ()
    events: tuple[ShownEvent, ...] = ()
    sentence: str = ""


def read_ledger(said: Language, folder: Path | None) -> ShownLedger:
    """The newest events of all chains, newest first, and each chain's head; a sentence when they cannot be read."""
    if folder is None or not folder.is_dir():
        return ShownLedger(sentence=said.say("ledger.nothing"))
    try:
        heads = tuple(
            ShownHead(_called(said, "chains", head.chain), head.sequence, head.hash[:16]) for head in read_heads(folder)
        )
        events = [_shown(said, line) for file in sorted(folder.glob("*.jsonl")) for line in _tail(file)]
    except LedgerError as error:
        return ShownLedger(sentence=said.heard(error.sentence))
    except OSError:
        return ShownLedger(sentence=said.say("ledger.unreadable"))
    newest = sorted(events, key=lambda event: event.at_ms, reverse=True)[:MOST_EVENTS]
    return ShownLedger(heads, tuple(newest), "" if newest else said.say("ledger.nothing"))


def _tail(file: Path) -> list[Line]:
    with file.open("rb") as source:
        size = source.seek(0, os.SEEK_END)
        source.seek(max(0, size - TAIL_BYTES))
        raw = source.read().split(b"\n")
    found = []
    for line in raw:
        # The first may be cut by the seek, the last half written; `wardlens device ledger verify` judges them.
        with suppress(ValueError):
            found.append(parse_line(line))
    return found


def _shown(said: Language, line: Line) -> ShownEvent:
    facts = " · ".join(f"{_called(said, 'facts', name)} {str(value)[:16]}" for name, value in line.facts.items())
    when = f"{clock_time(said, line.at_ms)} · {_called(said, 'chains', line.chain)}"
    return ShownEvent(_called(said, "events", line.event), when, facts, line.at_ms)


def _called(said: Language, table: str, name: str) -> str:
    """The word for a name on the ledger; a name of a newer version as it is."""
    key = f"{table}.{name}"
    return said.say(key) if said.has(key) else name
