"""The ledger page: the last events of every chain, and the chains' heads. Reads the files, judges nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provisioning.panel.words import clock_time

MOST_EVENTS = 50
TAIL_BYTES = 64 * 1024
CHAIN_FIELDS = frozenset({"sequence", "previous", "hash", "at_ms", "event", "chain", "version"})


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


def read_ledger(folder: Path | None) -> ShownLedger:
    """The newest events of all chains, newest first, and each chain's head."""
    if folder is None or not folder.is_dir():
        return ShownLedger(sentence="Nothing is on the ledger yet.")
    heads, events = [], []
    for file in sorted(folder.glob("*.jsonl")):
        lines = _tail(file)
        events += [_event(file.stem, line) for line in lines[-MOST_EVENTS:]]
        if lines:
            heads.append(ShownHead(file.stem, int(lines[-1].get("sequence", 0)), str(lines[-1].get("hash", ""))[:16]))
    events.sort(key=lambda event: -event.at_ms)
    sentence = "" if events else "Nothing is on the ledger yet."
    return ShownLedger(tuple(heads), tuple(events[:MOST_EVENTS]), sentence)


def _tail(file: Path) -> list[Mapping[str, Any]]:
    with file.open("rb") as source:
        size = source.seek(0, os.SEEK_END)
        source.seek(max(0, size - TAIL_BYTES))
        raw = source.read().split(b"\n")
    if size > TAIL_BYTES:
        raw = raw[1:]  # the first one is cut
    found: list[Mapping[str, Any]] = []
    for line in raw:
        try:
            value = json.loads(line)
        except ValueError:
            continue  # the last line may be half written; `wardlens device ledger verify` judges it
        if isinstance(value, dict):
            found.append(value)
    return found


def _event(chain: str, line: Mapping[str, Any]) -> ShownEvent:
    at_ms = int(line.get("at_ms", 0))
    title = str(line.get("event", "event")).replace("-", " ").replace("_", " ").replace(".", " ").capitalize()
    facts = [f"{name} {str(value)[:16]}" for name, value in line.items() if name not in CHAIN_FIELDS]
    return ShownEvent(title, f"{clock_time(at_ms)} · {chain}", " · ".join(facts), at_ms)
