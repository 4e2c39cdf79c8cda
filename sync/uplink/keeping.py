"""What the vault and the ledger are told, in a thread beside the one that sends.

From its offer to its erasure a capture takes a dozen syncs of the disk, and the network would stand still for each of
them. Nothing is decided here: effects are carried out in their order, and whoever owns the connection learns when they
are durable.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from capture.errors import CaptureError
from sync.protocol.effects import Keep
from sync.uplink.storage import Storage

Then = Callable[[], None]
"""What only follows once effects are durable: an acknowledgement, an offer that the ledger knows of."""


class Keeping:
    """What is being kept, until the block that it is used in ends; that waits for all of it.

    Raises:
        CaptureError: at its end, the vault or the ledger had failed.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._thread = ThreadPoolExecutor(1, "wardlens-keeping")
        self._under_way: deque[tuple[Future[None], Sequence[Then]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.shutdown()
        if not isinstance(error, CaptureError):
            self.kept(all_of_it=True)  # A connection that is lost must not hide that something could not be kept.

    @property
    def busy(self) -> bool:
        """Whether something was begun and nobody was told yet how it ended."""
        return bool(self._under_way)

    def begin(self, effects: Sequence[Keep], then: Sequence[Then]) -> None:
        """These effects will be carried out after all that came before, and `then` is given back by :meth:`kept`."""
        self._under_way.append((self._thread.submit(self._carry_out, effects), then))

    def kept(self, *, all_of_it: bool = False) -> list[Then]:
        """What follows from the effects that became durable since it was last asked; `all_of_it` waits for the rest.

        Raises:
            CaptureError: the vault or the ledger failed. Nothing follows from what failed.
        """
        follows: list[Then] = []
        while self._under_way and (all_of_it or self._under_way[0][0].done()):
            work, then = self._under_way.popleft()
            work.result()
            follows += then
        return follows

    def _carry_out(self, effects: Sequence[Keep]) -> None:
        for effect in effects:
            self._storage.apply(effect)
