"""The one spelling of what a site signs: the canonical JSON of `capture`, with whole numbers only.

A signed object must mean the same to every reader, and readers differ about fractions and large numbers. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, TypeVar

from capture.canonical import from_canonical, to_canonical

_Value = TypeVar("_Value", str, int, list, dict)  # type: ignore[type-arg]
_LARGEST: Final = 2**53 - 1


def encode(value: Mapping[str, Any]) -> bytes:
    """`value` in its one spelling."""
    return to_canonical(value)


def decode(raw: bytes) -> dict[str, Any]:
    """The object that `raw` spells.

    Raises:
        ValueError: not UTF-8 JSON, not an object, a fraction, a large number, or not in the one spelling.
    """
    value = from_canonical(raw)
    if not isinstance(value, dict):
        raise ValueError("not a JSON object")  # noqa: TRY004 - bytes of the wrong kind, not a caller's mistake
    try:
        _check_numbers(value)
    except RecursionError as error:
        raise ValueError("JSON nested too deep") from error
    return value


def field(fields: Mapping[str, Any], name: str, kind: type[_Value]) -> _Value:
    """The value of a field that is there, of exactly this type.

    Raises:
        ValueError: it is of another type.
    """
    value = fields[name]
    if type(value) is not kind:
        raise ValueError(f"{name!r} is not {kind.__name__}")
    return value


def moment(fields: Mapping[str, Any], name: str) -> datetime:
    """The time in a field that is there: whole seconds since 1970, UTC.

    Raises:
        ValueError: it is no time.
    """
    at = field(fields, name, int)
    if not 0 <= at < 2**33:
        raise ValueError(f"{name!r} is not a time")
    return datetime.fromtimestamp(at, UTC)


def _check_numbers(value: object) -> None:
    match value:
        case dict():
            for item in value.values():
                _check_numbers(item)
        case list():
            for item in value:
                _check_numbers(item)
        case float():
            raise ValueError(f"{value} is not a whole number")
        case int() if abs(value) > _LARGEST:
            raise ValueError("a number is too large")
