"""Where a site decides about enrolment: one transaction consumes an invitation and issues, or nothing changes."""

from __future__ import annotations

import hmac
import sqlite3

import structlog
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_der_public_key

from capture.identifiers import DeviceId
from provisioning import rows
from provisioning.certificates import Use, to_der
from provisioning.clock import seconds
from provisioning.devices import DeviceState
from provisioning.enrolment.wire import MAX_CERTIFICATES, Application
from provisioning.errors import EnrolmentRefusal, EnrolmentRefused, UnknownDevice
from provisioning.events import Event
from provisioning.keys import public_der
from provisioning.requests import device_of_key, read_request
from provisioning.site import Site
from provisioning.terms import check_name

MAX_AUTHORITIES = MAX_CERTIFICATES - 2
_log = structlog.get_logger(__name__)
Requests = tuple[DeviceId, EllipticCurvePublicKey, EllipticCurvePublicKey]


class Desk:
    """Enrols, renews and recognises devices for one site."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def enrol(self, application: Application, proof: bytes, server_hash: bytes) -> list[x509.Certificate]:
        """The device's two certificates and the issuing CA's; the device waits for IT from then on.

        The same application may come again, as after a lost answer, and gets the same certificates.

        Raises:
            EnrolmentRefused: no certificate; `reason` says why.
        """
        device, identity_key, signing_key = _read_requests(application.identity_request, application.signing_request)
        try:
            check_name(application.name)
        except ValueError as error:
            raise EnrolmentRefused(EnrolmentRefusal.REQUEST_DAMAGED) from error
        now = self._site.clock()
        with self._site.registry.writing() as open_rows:
            row = open_rows.execute("SELECT * FROM invitation WHERE id = ?", (application.invitation,)).fetchone()
            if row is None:
                raise EnrolmentRefused(EnrolmentRefusal.INVITATION_UNKNOWN)
            claim = hmac.digest(application.digest(), proof, "sha256")
            if row["used_at"] is not None:
                if not hmac.compare_digest(row["request"], claim):
                    raise EnrolmentRefused(EnrolmentRefusal.INVITATION_USED)
                return [*_issued(open_rows, device), *self._site.keys.authorities[:MAX_AUTHORITIES]]
            self._check_invitation(row, application, proof, server_hash, seconds(now))
            if open_rows.execute("SELECT 1 FROM device WHERE id = ?", (device,)).fetchone():
                raise EnrolmentRefused(EnrolmentRefusal.DEVICE_EXISTS)
            open_rows.execute(
                "UPDATE invitation SET secret = NULL, used_at = ?, request = ?, device = ? WHERE id = ?",
                (seconds(now), claim, device, application.invitation),
            )
            digits = application.digits(self._site.root_hash, server_hash)
            open_rows.execute(
                "INSERT INTO device (id, name, state, digits, identity_key, signing_key, enrolled_at, changed_at) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(device, application.name, DeviceState.WAITING.value, digits),
                    *(public_der(identity_key), public_der(signing_key), seconds(now), seconds(now)),
                ),
            )
            leaves = self._issue(open_rows, device, identity_key, signing_key)
        _log.info(Event.DEVICE_ENROLLED.value, site=self._site.id, device=device, invitation=application.invitation)
        return [*leaves, self._site.keys.issuing]

    def renew(
        self, device: str, identity_request: bytes, signing_request: bytes, words: bytes, signature: bytes
    ) -> list[x509.Certificate]:
        """Two fresh certificates for the keys that the device has, and the issuing CA's.

        Raises:
            EnrolmentRefused: not renewed; `reason` says why.
        """
        self.recognise(device, words, signature, {DeviceState.ACTIVE})
        self.check_absence(device)
        name, identity_key, signing_key = _read_requests(identity_request, signing_request)
        with self._site.registry.writing() as open_rows:
            row = open_rows.execute("SELECT * FROM device WHERE id = ?", (device,)).fetchone()
            known = (row["id"], row["identity_key"], row["signing_key"])
            if row["state"] != DeviceState.ACTIVE.value:
                raise EnrolmentRefused(_SHUT[DeviceState(row["state"])])
            if known != (name, public_der(identity_key), public_der(signing_key)):
                raise EnrolmentRefused(EnrolmentRefusal.SIGNATURE_WRONG)
            leaves = self._issue(open_rows, name, identity_key, signing_key)
        _log.info(Event.CERTIFICATES_RENEWED.value, site=self._site.id, device=device)
        return [*leaves, self._site.keys.issuing]

    def recognise(self, device: str, words: bytes, signature: bytes, states: set[DeviceState]) -> DeviceState:
        """The state of `device`, one of `states`, when its identity key signed `words`.

        Raises:
            EnrolmentRefused: unknown, not its signature, refused or revoked.
        """
        with self._site.registry.reading() as open_rows:
            try:
                found = rows.read_device(open_rows, device)
            except UnknownDevice as error:
                raise EnrolmentRefused(EnrolmentRefusal.DEVICE_UNKNOWN) from error
            (der,) = open_rows.execute("SELECT identity_key FROM device WHERE id = ?", (device,)).fetchone()
        key = load_der_public_key(der)
        assert isinstance(key, EllipticCurvePublicKey)
        try:
            key.verify(signature, words, ECDSA(SHA256()))
        except InvalidSignature as error:
            raise EnrolmentRefused(EnrolmentRefusal.SIGNATURE_WRONG) from error
        if found.state not in states:
            raise EnrolmentRefused(_SHUT[found.state])
        return found.state

    def check_absence(self, device: str) -> None:
        """Nothing, unless `device` was away for longer than the site allows.

        Raises:
            EnrolmentRefused: it was, and IT has not readmitted it.
        """
        with self._site.registry.reading() as open_rows:
            until = rows.read_device(open_rows, device).back_until(rows.read_return_days(open_rows))
        if seconds(self._site.clock()) > until:
            raise EnrolmentRefused(EnrolmentRefusal.DEVICE_AWAY_TOO_LONG)

    def _check_invitation(
        self, row: sqlite3.Row, application: Application, proof: bytes, server_hash: bytes, now: int
    ) -> None:
        if row["secret"] is None or now > row["not_after"]:
            raise EnrolmentRefused(EnrolmentRefusal.INVITATION_EXPIRED)
        if now < row["not_before"]:
            raise EnrolmentRefused(EnrolmentRefusal.INVITATION_NOT_YET_VALID)
        if not hmac.compare_digest(application.proof(row["secret"], server_hash), proof):
            raise EnrolmentRefused(EnrolmentRefusal.PROOF_WRONG)

    def _issue(
        self,
        open_rows: sqlite3.Connection,
        device: DeviceId,
        identity_key: EllipticCurvePublicKey,
        signing_key: EllipticCurvePublicKey,
    ) -> list[x509.Certificate]:
        asked = [(Use.IDENTITY, identity_key), (Use.SIGNING, signing_key)]
        leaves = self._site.keys.issue_device(device, asked, self._site.clock())
        for (use, _), leaf in zip(asked, leaves, strict=True):
            open_rows.execute(
                "INSERT INTO certificate (serial, device, use, not_after, der) VALUES (?, ?, ?, ?, ?)",
                (f"{leaf.serial_number:x}", device, use.value, seconds(leaf.not_valid_after_utc), to_der(leaf)),
            )
        return leaves


_SHUT: dict[DeviceState, EnrolmentRefusal] = {
    DeviceState.WAITING: EnrolmentRefusal.DEVICE_UNKNOWN,
    DeviceState.REFUSED: EnrolmentRefusal.DEVICE_REFUSED,
    DeviceState.REVOKED: EnrolmentRefusal.DEVICE_REVOKED,
    DeviceState.WIPED: EnrolmentRefusal.DEVICE_WIPED,
}


def _issued(open_rows: sqlite3.Connection, device: DeviceId) -> list[x509.Certificate]:
    found = open_rows.execute("SELECT der FROM certificate WHERE device = ? ORDER BY rowid LIMIT 2", (device,))
    return [x509.load_der_x509_certificate(der) for (der,) in found]


def _read_requests(identity_request: bytes, signing_request: bytes) -> Requests:
    """The device that asks, by its identity key, and its two keys.

    Raises:
        EnrolmentRefused: a request is damaged, or names another device than its key does.
    """
    try:
        identity_name, identity_key = read_request(identity_request)
        signing_name, signing_key = read_request(signing_request)
    except ValueError as error:
        raise EnrolmentRefused(EnrolmentRefusal.REQUEST_DAMAGED) from error
    device = device_of_key(identity_key)
    if (identity_name, signing_name) != (device, device) or public_der(identity_key) == public_der(signing_key):
        raise EnrolmentRefused(EnrolmentRefusal.REQUEST_DAMAGED)
    return device, identity_key, signing_key
