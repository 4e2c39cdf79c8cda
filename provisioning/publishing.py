"""A new site manifest for each change that devices must hear of, in the same transaction as the change."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import structlog

from capture.identifiers import SiteId
from provisioning import durable, rows
from provisioning.clock import Clock, seconds
from provisioning.events import Event
from provisioning.manifest import SiteManifest, sign_manifest, verify_manifest
from provisioning.registry import Registry
from provisioning.site_keys import SiteKeys
from provisioning.site_layout import SiteLayout
from provisioning.terms import BrokerAddress, Policy, Protocol

MANIFEST_DAYS = 365
_log = structlog.get_logger(__name__)


class Publisher:
    """Signs the manifest anew around a change, numbers it, and lays it where it can be read."""

    def __init__(self, layout: SiteLayout, site: SiteId, registry: Registry, keys: SiteKeys, clock: Clock) -> None:
        self._layout = layout
        self._site = site
        self._registry = registry
        self._keys = keys
        self._clock = clock

    @property
    def site(self) -> SiteId:
        """Whose manifest it is."""
        return self._site

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction whose end issues the next manifest: change and manifest are both there after it, or neither."""
        with self._registry.writing() as open_rows:
            yield open_rows
            raw = self._issue(open_rows)
        self._lay_out(raw)

    def current(self) -> bytes:
        """The newest manifest, as devices get it."""
        with self._registry.reading() as open_rows:
            return rows.read_setting(open_rows, "manifest").encode()

    def version(self) -> int:
        """The version of the newest manifest."""
        with self._registry.reading() as open_rows:
            return int(rows.read_setting(open_rows, "manifest_version"))

    def repair(self) -> None:
        """The file beside the registry says what the registry says, also after a power cut between the two.

        A CA that was made when the power went is in the manifest after it, too; and a manifest is issued anew when two
        thirds of its life are over, so that a site in which nothing changes still pairs devices after a year.
        """
        known = verify_manifest(self.current(), self._keys.root, site=self._site)
        aged = self._clock() > known.issued + (known.expires - known.issued) * 2 / 3
        if (aged or known.authorities != self._keys.authorities) and self._layout.key("root").exists():
            with self.changing():
                pass
        raw = self.current()
        if not self._layout.manifest.is_file() or self._layout.manifest.read_bytes() != raw:
            self._lay_out(raw)

    def _issue(self, open_rows: sqlite3.Connection) -> bytes:
        issued = datetime.fromtimestamp(seconds(self._clock()), UTC)
        # The time, so that a site that was restored from its backup repeats no number that its devices know already.
        version = max(int(rows.read_setting(open_rows, "manifest_version")) + 1, seconds(issued))
        manifest = SiteManifest(
            site=self._site,
            name=rows.read_setting(open_rows, "name"),
            version=version,
            issued=issued,
            expires=issued + timedelta(days=MANIFEST_DAYS),
            authorities=self._keys.authorities,
            sealing=rows.read_sealing(open_rows),
            receipt_keys=rows.read_receipt(open_rows),
            policy=Policy(**json.loads(rows.read_setting(open_rows, "policy"))),
            roster=rows.read_roster(open_rows),
            broker=read_broker(open_rows),
            receivers=tuple(read_receivers(open_rows)),
        )
        raw = sign_manifest(manifest, self._keys.root_key)
        # A manifest that a device would refuse is never issued: the change is rolled back instead.
        verify_manifest(raw, self._keys.root, site=self._site, now=issued)
        rows.write_settings(open_rows, [("manifest", raw.decode()), ("manifest_version", str(version))])
        return raw

    def _lay_out(self, raw: bytes) -> None:
        # It holds the PIN hashes of the roster, so it is as private as a key.
        durable.write(self._layout.manifest, raw, mode=durable.PRIVATE)
        _log.info(Event.MANIFEST_ISSUED.value, site=self._site, bytes=len(raw))


def read_broker(open_rows: sqlite3.Connection) -> BrokerAddress:
    """Where devices find the broker."""
    fields = json.loads(rows.read_setting(open_rows, "broker"))
    return BrokerAddress(fields["host"], fields["port"], Protocol(fields["protocol"]))


def write_broker(open_rows: sqlite3.Connection, broker: BrokerAddress) -> None:
    """Where devices find the broker from the next manifest on."""
    fields = {"host": broker.host, "port": broker.port, "protocol": broker.protocol.value}
    rows.write_settings(open_rows, [("broker", json.dumps(fields))])


def write_policy(open_rows: sqlite3.Connection, policy: Policy) -> None:
    """What devices must do from the next manifest on."""
    rows.write_settings(open_rows, [("policy", json.dumps(asdict(policy)))])


def read_receivers(open_rows: sqlite3.Connection) -> list[str]:
    """The names of the site's receivers."""
    return [str(name) for name in json.loads(rows.read_setting(open_rows, "receivers"))]


def write_receivers(open_rows: sqlite3.Connection, names: Sequence[str]) -> None:
    """The names of the site's receivers from the next manifest on."""
    rows.write_settings(open_rows, [("receivers", json.dumps(list(names)))])
