"""A site's devices: who waits, who is trusted, who is no more. The part of `Site` that decides about them."""

from __future__ import annotations

import hmac
from typing import Literal

import structlog
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from capture.identifiers import DeviceId
from provisioning import rows
from provisioning.clock import seconds
from provisioning.devices import Device, DeviceEvent, DeviceState, apply
from provisioning.errors import DeviceStateForbids, DigitsDiffer, NotAccepted, UnknownDevice
from provisioning.events import Event
from provisioning.site_record import Recorded, SiteRecord

MAX_WRONG_DIGITS = 3
MAX_RETURN_DAYS = 3650
ENROLLED_CHAINS = ("camera", "sync")
"""The camera service signs its chain's heads with the signing key, the sync service with the identity key."""
_log = structlog.get_logger(__name__)


class SiteDevices(SiteRecord):
    """The devices in a site's registry; `Site` owns both."""

    def devices(self) -> tuple[Device, ...]:
        """Every device that ever enrolled, in that order."""
        with self.registry.reading() as open_rows:
            return rows.read_devices(open_rows)

    def device(self, device: str) -> Device:
        """One device.

        Raises:
            UnknownDevice: the site has none of this name.
        """
        with self.registry.reading() as open_rows:
            return rows.read_device(open_rows, device)

    def pending(self) -> tuple[Device, ...]:
        """The devices that wait for IT, with the digits that their screens must show."""
        return tuple(device for device in self.devices() if device.state is DeviceState.WAITING)

    def invited(self, invitation: str) -> Device | None:
        """The device that used this invitation, by its id; None while nobody has."""
        with self.registry.reading() as open_rows:
            row = open_rows.execute("SELECT device FROM invitation WHERE id = ?", (invitation,)).fetchone()
            return rows.read_device(open_rows, row["device"]) if row and row["device"] else None

    def status(self, device: str) -> Literal["active", "revoked", "unknown"]:
        """What a receiver should think of `device`: one that IT never confirmed is unknown."""
        try:
            state = self.device(device).state
        except UnknownDevice:
            return "unknown"
        return _STATUS[state]

    def ledger_keys(self, device: DeviceId) -> dict[str, EllipticCurvePublicKey | None]:
        """The chains of the device's ledger (docs/adr/0004), and the keys of those that it enrolled with a key."""
        keys = dict(zip(ENROLLED_CHAINS, self._keys_of(device), strict=False))
        return {chain: keys.get(chain) for chain in (*ENROLLED_CHAINS, "panel")}

    def _keys_of(self, device: DeviceId) -> tuple[EllipticCurvePublicKey, ...]:
        """The signing key and the identity key; none of a device that never enrolled."""
        with self.registry.reading() as open_rows:
            row = open_rows.execute("SELECT signing_key, identity_key FROM device WHERE id = ?", (device,)).fetchone()
        return () if row is None else tuple(_public(der) for der in row)

    def approve(self, device: str, digits: str) -> Device:
        """The device, now trusted: IT has read `digits` from its screen.

        Raises:
            UnknownDevice: the site has none of this name.
            DigitsDiffer: another number; after the third the device is refused for good.
            DeviceStateForbids: it does not wait.
        """
        now = seconds(self.clock())
        with self.registry.writing() as open_rows:
            found = rows.read_device(open_rows, device)
            changed = apply(found.state, DeviceEvent.APPROVED)
            right = hmac.compare_digest(_plain(digits).encode(), found.digits.encode())
            if right:
                rows.write_state(open_rows, found.id, changed, now)
                self._on_record(open_rows, Recorded.APPROVED, found.id)
            else:
                self._on_record(open_rows, Recorded.DIGITS_DIFFERED, found.id)
                last = rows.count_wrong_digits(open_rows, found.id) >= MAX_WRONG_DIGITS
                if last:
                    rows.write_state(open_rows, found.id, apply(found.state, DeviceEvent.REFUSED), now)
        if not right:
            _log.warning(Event.DIGITS_DIFFERED.value, device=device, refused=last)
            raise DigitsDiffer
        _log.info(Event.DEVICE_CHANGED.value, device=device, state=changed.value)
        return self.device(device)

    def refuse(self, device: str) -> Device:
        """The device, refused: it was waiting and gets no manifest.

        Raises:
            UnknownDevice: the site has none of this name.
            DeviceStateForbids: it does not wait.
        """
        return self._decide(device, DeviceEvent.REFUSED)

    def revoke(self, device: str) -> Device:
        """The device, revoked: not renewed, denied at broker and receiver. Revoking it again changes nothing.

        Raises:
            UnknownDevice: the site has none of this name.
        """
        try:
            return self._decide(device, DeviceEvent.REVOKED)
        except DeviceStateForbids:
            return self.device(device)

    def readmit(self, device: str) -> Device:
        """The device, which may come back by itself again for as many days from now as the site allows.

        Raises:
            UnknownDevice: the site has none of this name.
            DeviceStateForbids: it is not active: a revoked device does not come back.
        """
        with self.registry.writing() as open_rows:
            found = rows.read_device(open_rows, device)
            if found.state is not DeviceState.ACTIVE:
                raise DeviceStateForbids(f"A device that is {found.state.value} cannot be readmitted.")
            now = seconds(self.clock())
            open_rows.execute("UPDATE device SET readmitted_at = ? WHERE id = ?", (now, device))
            self._on_record(open_rows, Recorded.READMITTED, device)
        _log.info(Event.DEVICE_READMITTED.value, device=device)
        return self.device(device)

    def return_days(self) -> int:
        """For how many days after the end of its certificate a device may come back by itself."""
        with self.registry.reading() as open_rows:
            return rows.read_return_days(open_rows)

    def set_return_days(self, days: int) -> None:
        """Another number of these days.

        Raises:
            NotAccepted: not 0 to 3650.
        """
        if not 0 <= days <= MAX_RETURN_DAYS:
            raise NotAccepted(f"A device may come back within 0 to {MAX_RETURN_DAYS} days.")
        with self.registry.writing() as open_rows:
            rows.write_settings(open_rows, [("return_days", str(days))])
            self._on_record(open_rows, Recorded.RETURN_DAYS_SET, str(days))

    def denied(self) -> tuple[str, ...]:
        """The devices whose certificates may be valid still and that a broker must turn away."""
        shut = (DeviceState.REVOKED, DeviceState.REFUSED, DeviceState.WIPED)
        return tuple(device.id for device in self.devices() if device.state in shut)

    def _decide(self, device: str, event: DeviceEvent) -> Device:
        with self.registry.writing() as open_rows:
            found = rows.read_device(open_rows, device)
            changed = apply(found.state, event)
            rows.write_state(open_rows, found.id, changed, seconds(self.clock()))
            self._on_record(open_rows, _RECORDED[event], found.id)
        _log.info(Event.DEVICE_CHANGED.value, device=device, state=changed.value)
        return self.device(device)


_RECORDED = {DeviceEvent.REFUSED: Recorded.REFUSED, DeviceEvent.REVOKED: Recorded.REVOKED}
_STATUS: dict[DeviceState, Literal["active", "revoked", "unknown"]] = {
    DeviceState.WAITING: "unknown",
    DeviceState.ACTIVE: "active",
    DeviceState.REFUSED: "revoked",
    DeviceState.REVOKED: "revoked",
    DeviceState.WIPED: "revoked",
}


def _public(der: bytes) -> EllipticCurvePublicKey:
    key = load_der_public_key(der)
    assert isinstance(key, EllipticCurvePublicKey)
    return key


def _plain(digits: str) -> str:
    """The digits without the gap that makes them readable."""
    return "".join(digits.split())
