"""What a service works with, on its own ledger chain: its start, each manifest and certificate, each update.

Whoever fetched them (a renewal, a command, a person): what counts is what the service uses from then on. The chain
itself remembers what was said last, so that a change while the service was off is on it, too.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog
from cryptography import x509

from capture.ledger import Ledger, LedgerError, LedgerEvent, Line
from firmware.events import Event
from firmware.updating.record import Record, Step
from provisioning.identity import DeviceIdentity

_log = structlog.get_logger(__name__)


class InForce:
    """Puts on `ledger` what its service takes up.

    A ledger that cannot say so holds nobody up: it is tried again at the next look, and what the service then does with
    it needs lines of its own.

    Args:
        ledger: the service's chain.
        certificate: which of the device's two certificates is this service's.
    """

    def __init__(self, ledger: Ledger, certificate: Callable[[DeviceIdentity], x509.Certificate]) -> None:
        self._ledger = ledger
        self._certificate = certificate
        self._manifest: int | None = None
        self._serial = ""
        self._update: tuple[int, Step] | None = None

    def started(self, identity: DeviceIdentity, version: str) -> None:
        """The service began, in this version of Wardlens and with this identity."""
        try:
            manifest = self._ledger.last(LedgerEvent.MANIFEST_TAKEN)
            self._manifest = None if manifest is None else int(manifest.facts["version"])
            self._serial = self._last_serial()
            self._note(identity)
            self._serial = self._serial_of(identity)
            self._ledger.append(LedgerEvent.SERVICE_STARTED, version=version, certificate=self._serial)
        except LedgerError as error:
            _log.error(Event.LEDGER_FAILED, error=type(error).__name__)

    def taken(self, identity: DeviceIdentity) -> None:
        """The service goes on with this identity."""
        try:
            self._note(identity)
        except LedgerError as error:
            _log.error(Event.LEDGER_FAILED, error=type(error).__name__)

    def updated(self, record: Record | None) -> None:
        """What root remembers of the last update: its beginning and its end are on the chain, each once."""
        if record is None or not record.slot or (record.number, record.step) == self._update:
            return
        try:
            facts: dict[str, str | int] = {"version": str(record.version), "command": record.number}
            if not self._says(LedgerEvent.UPDATE_BEGUN, record.number):
                self._ledger.append(LedgerEvent.UPDATE_BEGUN, **facts)
            if record.step is Step.CONFIRMED and not self._says(LedgerEvent.UPDATE_CONFIRMED, record.number):
                self._ledger.append(LedgerEvent.UPDATE_CONFIRMED, **facts)
            if (
                record.step is Step.FAILED
                and record.reason
                and not self._says(LedgerEvent.UPDATE_FAILED, record.number)
            ):
                self._ledger.append(LedgerEvent.UPDATE_FAILED, **facts, reason=record.reason.value)
            self._update = (record.number, record.step)
        except LedgerError as error:
            _log.error(Event.LEDGER_FAILED, error=type(error).__name__)

    def _says(self, event: LedgerEvent, command: int) -> bool:
        last = self._ledger.last(event)
        return last is not None and last.facts["command"] == command

    def went_back(self, identity: DeviceIdentity) -> bool:
        """Whether the service has worked by a newer manifest than this one: somebody has put an old one back."""
        return self._manifest is not None and identity.manifest.version < self._manifest

    def _note(self, identity: DeviceIdentity) -> None:
        manifest = identity.manifest
        if self._manifest is None or manifest.version > self._manifest:
            key = manifest.sealing[0].key_id
            self._ledger.append(LedgerEvent.MANIFEST_TAKEN, version=manifest.version, sealing_key=key)
            self._manifest = manifest.version
        serial = self._serial_of(identity)
        if self._serial and serial != self._serial:
            self._ledger.append(LedgerEvent.CERTIFICATE_RENEWED, serial=serial)
            self._serial = serial

    def _serial_of(self, identity: DeviceIdentity) -> str:
        return f"{self._certificate(identity).serial_number:x}"

    def _last_serial(self) -> str:
        """The certificate that the chain knows of: the last renewal, else what a start began with; none at first."""
        renewed = self._ledger.last(LedgerEvent.CERTIFICATE_RENEWED)
        if renewed is not None:
            return str(renewed.facts["serial"])
        started: Line | None = self._ledger.last(LedgerEvent.SERVICE_STARTED)
        return "" if started is None else str(started.facts.get("certificate", ""))
