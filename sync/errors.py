"""What can go wrong between a vault and an archive.

::

    SyncError
    ├── MessageRefused           what a peer sent: refuse it, count it, go on
    ├── BrokerUnavailable        what the network or the broker did: say so, try again
    │   ├── BrokerNotThere
    │   ├── BrokerNotTrusted
    │   ├── BrokerRefuses
    │   ├── BrokerTooSmall
    │   └── CertificateUnreadable
    └── BrokerNotStarted         a broker of ours that did not come up

Each docstring is the sentence that the nurse or IT reads; an instance's own text is the same with the names filled in.
"""

from __future__ import annotations

import inspect
from enum import StrEnum


class Flaw(StrEnum):
    """Why a message was refused: one word for the counter and for the test vectors."""

    TOO_LONG = "too_long"
    TOO_SHORT = "too_short"
    NOT_JSON = "not_json"
    NOT_CANONICAL = "not_canonical"
    VERSION = "version"
    TYPE = "type"
    FIELDS = "fields"
    VALUE = "value"
    GEOMETRY = "geometry"
    TOPIC = "topic"
    SIGNATURE = "signature"
    UNKNOWN_KEY = "unknown_key"


class SyncError(Exception):
    """Sending to the hospital failed. Nothing is lost; the device tries again by itself."""

    @property
    def sentence(self) -> str:
        """One sentence that says what to do."""
        return str(self) or inspect.cleandoc(type(self).__doc__ or "")


class MessageRefused(SyncError):  # noqa: N818 - named for what is known
    """A message broke the protocol and was ignored. If the count keeps growing, update the older side.

    Attributes:
        flaw: which rule it broke.
    """

    def __init__(self, flaw: Flaw, sentence: str) -> None:
        super().__init__(sentence)
        self.flaw = flaw


class BrokerUnavailable(SyncError):  # noqa: N818 - named for what is known
    """The connection to the broker was lost. The device tries again by itself; pictures are safe in it until then."""


class BrokerNotThere(BrokerUnavailable):
    """No broker answers at this address. Check the network cable or Wi-Fi, then the broker's address."""


class BrokerNotTrusted(BrokerUnavailable):
    """The broker could not prove that it belongs to this site. Call IT: wrong address, certificate or clock."""


class BrokerRefuses(BrokerUnavailable):
    """The broker does not let this device in. Call IT: the device may be revoked or its certificate out of date."""


class BrokerTooSmall(BrokerUnavailable):
    """The broker takes only packets too small for a picture. Call IT: raise its packet limit to 256 KiB or more."""


class CertificateUnreadable(BrokerUnavailable):
    """This machine's certificate or key cannot be read. Call IT: it may need to be paired again."""


class BrokerNotStarted(SyncError):  # noqa: N818 - named for what is known
    """The broker did not start. Read the lines it printed; the port may be taken or a file unreadable."""
