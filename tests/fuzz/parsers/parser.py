"""What the fuzzer must know of a parser, and how it judges one input."""

from __future__ import annotations

import resource
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

CPU_SECONDS: Final = 5.0
"""More than any parser needs for the longest input, on a slow machine."""
MEMORY_KIB: Final = 512 * 1024
"""More than the largest value that a parser may make: 64 MiB of envelope, or a picture of a few megapixels."""


@dataclass(frozen=True, slots=True)
class Parser:
    """One parser that reads what others wrote.

    Attributes:
        name: on the command line, in the test and as the folder of what was found.
        covers: the public functions that it runs, each as `module.function` or `module.Class.method`.
        seeds: makes valid inputs.
        parse: bytes in; a value, or one of `refuses`. A parser of text or of a file is wrapped.
        refuses: the errors that are documented. Everything else is a bug.
        write: a value's bytes, where there is a writer.
        one_spelling: whether what is accepted must be what `write` makes of it, byte for byte.
        only_seeds: whether nothing but the seeds may be accepted, because they are signed.
    """

    name: str
    covers: tuple[str, ...]
    seeds: Callable[[], Sequence[bytes]]
    parse: Callable[[bytes], Any]
    refuses: tuple[type[Exception], ...] = ()
    write: Callable[[Any], bytes] | None = None
    one_spelling: bool = False
    only_seeds: bool = False


class _TooLong(BaseException):
    """The parser spent its time."""


def judge(parser: Parser, data: bytes, seeds: Sequence[bytes]) -> str:
    """What is wrong with how `parser` takes `data`; nothing when all is well."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        with _bounded(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # cryptography warns of what it will refuse one day
            complaint = _taken(parser, data, seeds)
    except _TooLong:
        return f"takes more than {CPU_SECONDS:g} seconds"
    if complaint:
        return complaint
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return f"takes {grown // 1024} MiB" if grown > MEMORY_KIB else ""


def _taken(parser: Parser, data: bytes, seeds: Sequence[bytes]) -> str:
    try:
        value = parser.parse(data)
    except parser.refuses as refused:
        return "" if str(refused) else f"refuses without a sentence: {type(refused).__name__}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return f"raises {_where(error)}"
    if parser.only_seeds and data not in seeds:
        return "accepts what nobody signed"
    return _written(parser, data, value) if parser.write else ""


def _written(parser: Parser, data: bytes, value: object) -> str:
    assert parser.write is not None
    try:
        written = parser.write(value)
        if parser.one_spelling:
            return "" if written == data else "accepts a second spelling"
        return "" if parser.write(parser.parse(written)) == written else "reads back something else than it wrote"
    except Exception as error:  # noqa: BLE001 - the same
        return f"accepts what cannot be written and read back: {_where(error)}"


def _where(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {last.filename.rpartition('/')[2]}, {last.name}: {str(error)[:120]}"


@contextmanager
def _bounded() -> Iterator[None]:
    """Stops what runs when it has had its processor time; C code is stopped when it comes back."""

    def stop(_number: int, _frame: object) -> None:
        raise _TooLong

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
