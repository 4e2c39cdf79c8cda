"""A slot that holds the latest of something. A slow reader misses values; it never delays the writer."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Latest(Generic[T]):
    """One value, the newest, for any number of threads."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._value: T | None = None
        self._sequence = 0
        self._closed = False

    def put(self, value: T) -> None:
        """Replace what is there and wake who waits."""
        with self._changed:
            self._value = value
            self._sequence += 1
            self._changed.notify_all()

    def clear(self) -> None:
        """Forget what is there: readers wait for the next."""
        with self._changed:
            self._value = None

    def close(self) -> None:
        """Wake everybody who waits, now and later, with nothing."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def newer_than(self, sequence: int, timeout: float) -> tuple[int, T] | None:
        """The value and its sequence number, once it is above `sequence`; None after `timeout` seconds or a close."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._has_newer(sequence), timeout)
            if self._closed or self._value is None or self._sequence <= sequence:
                return None
            return self._sequence, self._value

    def _has_newer(self, sequence: int) -> bool:
        return self._value is not None and self._sequence > sequence
