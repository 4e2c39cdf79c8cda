"""What IT changes about a site: roster, receivers, broker, keys. The part of `Site` that issues new manifests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provisioning import rows
from provisioning.break_glass import write_break_glass
from provisioning.certificates import hosts_of, receiver_common_name
from provisioning.clock import seconds
from provisioning.errors import NotAccepted, TokenUnusable
from provisioning.publishing import Publisher, read_receivers, write_broker, write_receivers
from provisioning.roster import Clinician, enlist
from provisioning.sealing_keys import make_opening_key, path_of, wrap_opening_keys
from provisioning.site_keys import SiteKeys
from provisioning.site_layout import SERVERS, SiteLayout, TlsPaths
from provisioning.site_record import Recorded, SiteRecord
from provisioning.terms import BrokerAddress, SealingTerm, SealingUse, check_receiver
from provisioning.wrapping import KeyWrapper


class SiteChanges(SiteRecord):
    """The changes; `Site` owns what they change."""

    layout: SiteLayout
    keys: SiteKeys
    token: KeyWrapper | None
    _publisher: Publisher

    def roster(self) -> tuple[Clinician, ...]:
        """The clinicians who may use the site's devices, by badge."""
        with self.registry.reading() as open_rows:
            return rows.read_roster(open_rows)

    def add_clinician(self, badge: str, name: str, role: str, pin: str) -> Clinician:
        """A clinician on the roster, new or with new facts; devices hear of it with the next manifest.

        Raises:
            NotAccepted: a value is not legal.
        """
        clinician = enlist(badge, name, role, pin)
        with self._publisher.changing() as open_rows:
            open_rows.execute(
                "INSERT INTO clinician (badge, name, role, pin) VALUES (?, ?, ?, ?) ON CONFLICT (badge) "
                "DO UPDATE SET name = excluded.name, role = excluded.role, pin = excluded.pin",
                (clinician.badge, clinician.name, clinician.role.value, clinician.pin_hash),
            )
            self._on_record(open_rows, Recorded.CLINICIAN_ADDED, clinician.badge, clinician.role.value)
        return clinician

    def remove_clinician(self, badge: str) -> None:
        """The roster without `badge`.

        Raises:
            NotAccepted: nobody on the roster has this badge.
        """
        with self._publisher.changing() as open_rows:
            if not open_rows.execute("DELETE FROM clinician WHERE badge = ?", (badge,)).rowcount:
                raise NotAccepted("Nobody on the roster has this badge. `wardlens site roster list` shows who is.")
            self._on_record(open_rows, Recorded.CLINICIAN_REMOVED, badge)

    def add_receiver(self, name: str) -> TlsPaths:
        """The TLS files of a new receiver called `name`; each receiver has its own.

        Raises:
            NotAccepted: the name is not legal, or taken.
        """
        try:
            check_receiver(name)
        except ValueError as error:
            raise NotAccepted(f"This receiver cannot be added: {error}.") from error
        with self._publisher.changing() as open_rows:
            known = read_receivers(open_rows)
            if name in known:
                raise NotAccepted(f"There is a receiver called {name} already. Choose another name.")
            self.keys.issue_receiver(name, self.clock())
            write_receivers(open_rows, [*known, name])
            self._on_record(open_rows, Recorded.RECEIVER_ADDED, name)
        return self.layout.tls(receiver_common_name(name))

    def set_broker(self, broker: BrokerAddress) -> None:
        """Where devices find the broker from the next manifest on."""
        with self._publisher.changing() as open_rows:
            write_broker(open_rows, broker)
            self._on_record(open_rows, Recorded.BROKER_SET, f"{broker.host}:{broker.port}")

    def rotate_sealing_key(self) -> str:
        """A fresh sealing key in force instead of the site's old one, which stays able to open; its id."""
        term = make_opening_key(self.layout.sealing, SealingUse.SITE, self.token)
        self._put_in_force(term, path_of(self.layout.sealing, term.key_id))
        return term.key_id

    def wrap_opening_keys(self) -> tuple[str, ...]:
        """The ids of the opening keys that lay in the folder open, and are wrapped by the site's token now.

        Raises:
            TokenUnusable: there is none, or it cannot be used.
        """
        if self.token is None:
            raise TokenUnusable("No token is set. Name it in the settings: [token], docs/settings.md.")
        return wrap_opening_keys(self.layout.sealing, self.token)

    def rotate_issuing(self) -> str:
        """A fresh issuing CA under the same root, in force from now on; its serial number in hex.

        What the one before it issued stays valid; devices get their next certificates from the new one.
        """
        with self._publisher.changing() as open_rows:
            serial = f"{self.keys.rotate_issuing(self.clock()).serial_number:x}"
            self._on_record(open_rows, Recorded.ISSUING_IN_FORCE, serial)
        return serial

    def make_break_glass(self, out: Path) -> str:
        """A fresh break-glass key in force instead of the one before it, if there was one; its id.

        Its private half is in the new file `out` and nowhere else: carry it away.

        Raises:
            NotAccepted: there is something at `out`, or it is in the site's own folder.
            StorageRefused: the disk refused.
        """
        if out.absolute().is_relative_to(self.layout.folder.absolute()):
            raise NotAccepted("A break-glass key in the site's own folder is lost with it. Name a file elsewhere.")
        term = write_break_glass(out, self._publisher.site, self.keys.authorities)
        self._put_in_force(term, out)
        return term.key_id

    def _put_in_force(self, term: SealingTerm, private: Path) -> None:
        """`term` stands in the manifest instead of the key of the same use; where that fails, `private` goes."""
        now = seconds(self.clock())
        try:
            with self._publisher.changing() as open_rows:
                open_rows.execute(
                    "UPDATE site_key SET retired_at = ? WHERE kind = 'sealing' AND use = ? AND retired_at IS NULL",
                    (now, term.use.value),
                )
                rows.add_key(open_rows, "sealing", term.key_id, use=term.use.value, public=term.public, made_at=now)
                self._on_record(open_rows, Recorded.KEY_IN_FORCE, term.key_id, term.use.value)
        except BaseException:
            private.unlink(missing_ok=True)
            raise

    def renew_servers(self, hosts: Sequence[str] = (), *, servers: Sequence[str] = SERVERS) -> None:
        """Fresh certificates for the servers, which then answer at `hosts` too. Restart them after it.

        Keys stay: at any moment each certificate fits its key. Only a key that is not there, or is none, is made anew.
        """
        for server in servers:
            known = hosts_of(self.keys.chain(server)[0])
            self.keys.issue_server(server, list(dict.fromkeys([*known, *hosts])), self.clock())

    def renew_receivers(self) -> tuple[str, ...]:
        """Fresh certificates for every receiver, for the keys that they have; their names. Restart them after it."""
        with self.registry.reading() as open_rows:
            names = tuple(read_receivers(open_rows))
        for name in names:
            self.keys.issue_receiver(name, self.clock())
        return names
