"""What the disk says, in the vault's words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from capture.errors import VaultError, VaultFull, VaultUnwritable


@contextmanager
def disk_in_our_words() -> Iterator[None]:
    """A block whose OSErrors come out as VaultFull or VaultUnwritable."""
    try:
        yield
    except OSError as error:
        raise _translated(error) from error


def _translated(error: OSError) -> VaultError:
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return VaultFull()
    return VaultUnwritable()
