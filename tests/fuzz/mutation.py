"""Valid inputs made wrong, one to six times over: bytes, lengths, numbers, text,
and the tree of what is JSON. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from random import Random
from typing import Any, Final

LONGEST: Final = 64 * 1024
_MOST_CHANGES: Final = 6

_NUMBERS: Final = (0, 1, -1, 2**7, 2**8 - 1, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**53, 2**63, 2**64 - 1)
_WORDS: Final = tuple(
    text.encode()
    for text in (
        *map(str, _NUMBERS), "-0", "1e400", "1.5", "1E5", "NaN", "-Infinity", "9" * 400, "9" * 5000, "0x1f", "\u0663",
        "\uff11", '"', "\\", "\\u0000", "\\ud800", '"\\udc00"', "\\/", "\x00", "\x7f", "\x85",
        "\u2028", "\u202e", "\ufeff",
        "é", "e\u0301", "İ", "\u017f", "🩹", "null", "true", "[]", "{}", '{"a":1,"a":2}', ",", ":",
        "=", "==", "\n", "\r\n",
        " ", "/", "..", "+", "#", "%00", "a" * 300, "[" * 400, "[" * 5000, '{"a":' * 300 + "1" + "}" * 300,
        "[" * 2000 + "]" * 2000,
    )
)  # fmt: skip
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, *_NUMBERS, 10**400, -(10**400), 1.5, -0.0, 1e300, "", "0", "a" * 5000,
    "\x00", "\ud800", "\u202e",
    " a ", "é", "AA==", "AB==", [], {}, [[]], {"a": 1}, ["a"], [None], "0123456789abcdef" * 2, "0" * 64,
)  # fmt: skip


def mutated(random: Random, seeds: Sequence[bytes]) -> bytes:
    """One of `seeds`, changed."""
    data = random.choice(seeds)
    for _ in range(random.randint(1, _MOST_CHANGES)):
        change = random.choice(_CHANGES)
        data = change(random, data, seeds)[:LONGEST]
    return data


def _place(random: Random, data: bytes) -> int:
    return random.randint(0, len(data))


def _bit(random: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    if not data:
        return b"\x00"
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def _byte(random: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    at = _place(random, data)
    return data[:at] + bytes([random.randrange(256)]) + data[at + 1 :]


def _cut(random: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    return data[: _place(random, data)]


def _without(random: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    at = _place(random, data)
    return data[:at] + data[at + random.randint(1, 16) :]


def _repeated(random: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    at = _place(random, data)
    piece = data[at : at + random.randint(1, 64)]
    return data[:at] + piece * random.choice((2, 3, 50)) + data[at + len(piece) :]


def _inserted(random: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    at = _place(random, data)
    return data[:at] + random.choice(_WORDS) + data[at:]


def _number(random: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    """A length or count in binary becomes another."""
    size, order = random.choice((1, 2, 4, 8)), random.choice(("big", "little"))
    value = random.choice((*_NUMBERS, len(data), len(data) - 1, random.randrange(256)))
    at = random.randint(0, max(0, len(data) - size))
    wrapped = value % (1 << 8 * size)
    return data[:at] + wrapped.to_bytes(size, order) + data[at + size :]  # type: ignore[arg-type]


def _digits(random: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    """A number in text becomes another."""
    found = list(re.finditer(rb"[0-9]+", data))
    if not found:
        return data
    match = random.choice(found)
    return data[: match.start()] + random.choice(_WORDS) + data[match.end() :]


def _spliced(random: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    other = random.choice(seeds)
    return data[: _place(random, data)] + other[_place(random, other) :]


def _tree(random: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    """What is JSON, with one value, name or item other than it was, in either of our spellings."""
    try:
        value = json.loads(data)
        holders = list(_holders(value))
        if not holders:
            return data
        _disturb(random, random.choice(holders))
        plain = random.choice((True, False))
        text = json.dumps(value, ensure_ascii=plain, sort_keys=True, separators=(",", ":"))
        return text.encode("utf-8", "surrogatepass")
    except (ValueError, RecursionError):
        return _inserted(random, data, ())


def _holders(value: object) -> list[dict[str, Any] | list[Any]]:
    """Every object and list in `value` that is not empty, outermost first."""
    found: list[dict[str, Any] | list[Any]] = []
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict | list) and one:
            found.append(one)
            left.extend(one.values() if isinstance(one, dict) else one)
    return found


def _disturb(random: Random, holder: dict[str, Any] | list[Any]) -> None:
    key: Any = random.choice(sorted(holder)) if isinstance(holder, dict) else random.randrange(len(holder))
    match random.randrange(6):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(("", "a", "é", key.upper(), key + " "))] = holder[key]
        case 1:
            holder.append(holder[key])  # type: ignore[union-attr]
        case 2 if isinstance(holder[key], str):
            text, at = holder[key], random.randint(0, len(holder[key]))
            holder[key] = (
                text[:at] + random.choice(("", "\x00", "é", "\ud800", "\u202e", "=", "A", "0", " ")) + text[at + 1 :]
            )
        case 3 if type(holder[key]) in (int, float):
            holder[key] = random.choice(
                (-holder[key], holder[key] + 1, holder[key] * 10**30, 10**400, str(holder[key]))
            )
        case 4:
            holder[key] = [holder[key]]
        case _:
            holder[key] = random.choice(_VALUES)


_CHANGES: Final[tuple[Callable[[Random, bytes, Sequence[bytes]], bytes], ...]] = (
    _bit, _byte, _cut, _without, _repeated, _inserted, _number, _digits, _spliced, _tree, _tree, _tree, _tree,
)  # fmt: skip
