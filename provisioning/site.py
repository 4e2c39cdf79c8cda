"""The hospital's side of trust: one folder that holds a site's keys, its registry and its manifest.

`Site` is what the command line, the enrolment server and the receiver use. It reads private keys when it needs them and
keeps none in memory; it refuses to open a folder that somebody else can read.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Self

import structlog
from cryptography import x509

from capture.identifiers import SiteId, site_id
from provisioning import canonical, rows
from provisioning.certificates import names_host, receiver_common_name
from provisioning.clock import Clock, seconds, utc_now
from provisioning.errors import SiteDamaged
from provisioning.events import Event
from provisioning.invitation import Invitation, make_invitation, parse_called
from provisioning.keys import key_hash
from provisioning.manifest import SiteManifest, verify_manifest
from provisioning.publishing import Publisher
from provisioning.registry import Registry
from provisioning.sealing_keys import read_opening_keys
from provisioning.site_changes import SiteChanges
from provisioning.site_commands import SiteCommands
from provisioning.site_creation import FORMAT, create_site
from provisioning.site_devices import SiteDevices
from provisioning.site_keys import SiteKeys
from provisioning.site_layout import ENROLMENT, ISSUING, SERVERS, SiteLayout, TlsPaths
from provisioning.site_record import Recorded
from provisioning.terms import BrokerAddress
from provisioning.wrapping import KeyWrapper
from sync.receiver.opening import OpeningKey
from sync.receiver.trust import ReceiptKey

_log = structlog.get_logger(__name__)


class Site(SiteDevices, SiteCommands, SiteChanges):
    """One site, opened."""

    def __init__(self, folder: Path, site: SiteId, clock: Clock, token: KeyWrapper | None = None, by: str = "") -> None:
        self.folder = folder
        self.id = site
        self.layout = SiteLayout(folder)
        self.keys = SiteKeys(self.layout, site)
        self.registry = Registry(self.layout.registry)
        self.clock = clock
        self.token = token
        self.by = by
        self._publisher = Publisher(self.layout, site, self.registry, self.keys, clock)

    @classmethod
    def create(
        cls,
        folder: Path,
        site: str,
        name: str,
        *,
        hosts: Sequence[str] = ("localhost", "127.0.0.1"),
        broker: BrokerAddress | None = None,
        receivers: Sequence[str] = ("main",),
        clock: Clock = utc_now,
    ) -> Self:
        """A new site in `folder`, which appears whole or not at all.

        Args:
            folder: where; its parent exists, it does not.
            site: the site's id, a lowercase word that stands in certificates.
            name: what people call the hospital.
            hosts: the names and IP addresses at which broker and enrolment server answer.
            broker: where devices find the broker; the first of `hosts` at port 8883 if not given.
            receivers: the receivers that get a certificate for the broker.
            clock: the time.

        Raises:
            SiteExists: something is at `folder` already.
            NotAccepted: a value is not legal.
            StorageRefused: the disk refused.
        """
        at = broker or BrokerAddress(hosts[0] if hosts else "localhost")
        create_site(folder, site, name, hosts=hosts, broker=at, receivers=receivers, now=clock())
        _log.info(Event.SITE_CREATED.value, site=site)
        return cls.load(folder, clock=clock)

    @classmethod
    def load(cls, folder: Path, *, clock: Clock = utc_now, token: KeyWrapper | None = None, by: str = "") -> Self:
        """The site in `folder`.

        Args:
            folder: where it is.
            clock: the time.
            token: what wraps its opening keys, where they are not to lie there open.
            by: who decides what is decided, for the record; empty for a program.

        Raises:
            SiteMissing: there is none.
            SiteUnsafe: somebody else can read its keys.
            SiteDamaged: something of it is missing or altered.
        """
        layout = SiteLayout(folder)
        layout.check()
        try:
            facts = canonical.decode(layout.facts.read_bytes())
            if facts.get("format") != FORMAT:
                raise ValueError("another format")
            site = cls(folder, site_id(str(facts.get("site"))), clock, token, by)
        except (OSError, ValueError) as error:
            raise SiteDamaged(f"{layout.facts} cannot be read. Restore the site folder from its backup.") from error
        site.registry.upgrade()
        site.registry.check()
        site._publisher.repair()
        return site

    # Whom and what devices believe.

    @property
    def name(self) -> str:
        """What people call the hospital."""
        return self.manifest.name

    @property
    def root(self) -> x509.Certificate:
        """The root certificate, which devices pin by its key's hash."""
        return self.keys.root

    @property
    def root_hash(self) -> bytes:
        """SHA-256 over the root's public key."""
        key = self.root.public_key()
        return key_hash(key)  # type: ignore[arg-type]  # our own root is always EC

    @property
    def manifest_raw(self) -> bytes:
        """The newest manifest, as devices get it."""
        return self._publisher.current()

    @property
    def manifest_version(self) -> int:
        """The version of the newest manifest."""
        return self._publisher.version()

    @property
    def manifest(self) -> SiteManifest:
        """The newest manifest, verified."""
        return verify_manifest(self.manifest_raw, self.root, site=self.id)

    def authorities(self) -> Sequence[x509.Certificate]:
        """The issuing certificates that devices' certificates must come from."""
        return self.manifest.authorities

    def tls(self, name: str) -> TlsPaths:
        """The TLS files of `broker` or `enrolment`."""
        return self.layout.tls(name)

    def receiver_tls(self, name: str = "main") -> TlsPaths:
        """The TLS files with which the receiver called `name` meets the broker."""
        return self.layout.tls(receiver_common_name(name))

    def ends(self) -> dict[str, datetime]:
        """When the certificates of broker, enrolment server, receivers and issuing CA end, by the names of their files.

        Raises:
            SiteDamaged: one is not there.
        """
        names = [*SERVERS, *map(receiver_common_name, self.manifest.receivers)]
        # One of an older Wardlens may say that it lasts longer than its CA.
        leaves = {name: min(one.not_valid_after_utc for one in self.keys.chain(name)) for name in names}
        return {**leaves, ISSUING: self.keys.issuing.not_valid_after_utc}

    def opening_keys(self) -> tuple[OpeningKey, ...]:
        """Every opening key that the site has, also the retired: what was sealed to them stays readable.

        Raises:
            KeyExposed: others can read one.
            SiteDamaged: a key file cannot be read.
            TokenUnusable: one is wrapped, and the token cannot be used.
        """
        return read_opening_keys(self.layout.sealing, self.token)

    def opening_key_ids(self) -> frozenset[str]:
        """The ids of the opening keys, for one who files envelopes sealed and holds none of these keys."""
        with self.registry.reading() as open_rows:
            return rows.read_opening_key_ids(open_rows)

    def receipt_signer(self) -> ReceiptKey:
        """The receipt key to sign with."""
        with self.registry.reading() as open_rows:
            name = next(iter(rows.read_receipt(open_rows)))
        return ReceiptKey(name, self.keys.receipt(name))

    # What IT does.

    def answers_at(self, address: str) -> bool:
        """Whether the enrolment server's certificate names the host of `address` (host:port).

        Raises:
            NotAccepted: no device can call there.
        """
        return names_host(self.keys.chain(ENROLMENT)[0], parse_called(address).host)

    def invite(self, address: str, minutes: int = 15) -> Invitation:
        """A fresh invitation to enrol at `address` (host:port) within `minutes` from now.

        Where the enrolment server does not answer there yet, its certificate is made anew; restart the server then.

        Raises:
            NotAccepted: the address or the window is not legal, or the line would be too long for a QR code.
        """
        where = parse_called(address)
        now = self.clock()
        with self.registry.writing() as open_rows:
            sealing = rows.read_sealing(open_rows)[0].hash
            invitation = make_invitation(
                self.id, where, self.root_hash, sealing, now=now, minutes=minutes, random=secrets.token_bytes
            )
            open_rows.execute(
                "INSERT INTO invitation (id, secret, not_before, not_after) VALUES (?, ?, ?, ?)",
                (invitation.id, invitation.secret, seconds(invitation.not_before), seconds(invitation.not_after)),
            )
            open_rows.execute("UPDATE invitation SET secret = NULL WHERE not_after < ?", (seconds(now),))
            self._on_record(open_rows, Recorded.INVITED, invitation.id, f"{minutes} minutes")
        if not self.answers_at(address):
            self.renew_servers([where.host], servers=[ENROLMENT])
        _log.info(Event.INVITATION_MADE.value, site=self.id, invitation=invitation.id, minutes=minutes)
        return invitation
