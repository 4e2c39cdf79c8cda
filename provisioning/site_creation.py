"""A new site: everything made in a folder aside, which then takes its place at once."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from capture.identifiers import SiteId, site_id
from provisioning import canonical, durable, rows
from provisioning.certificates import to_pem
from provisioning.clock import seconds
from provisioning.errors import NotAccepted, SiteExists, StorageRefused
from provisioning.invitation import Address
from provisioning.publishing import Publisher, write_broker, write_policy, write_receivers
from provisioning.registry import Registry
from provisioning.sealing_keys import make_opening_key
from provisioning.site_keys import SiteKeys
from provisioning.site_layout import SERVERS, SiteLayout
from provisioning.terms import BrokerAddress, Policy, SealingUse, check_name, check_receiver

FORMAT = "wardlens-site/1"


def create_site(
    folder: Path,
    site: str,
    name: str,
    *,
    hosts: Sequence[str],
    broker: BrokerAddress,
    receivers: Sequence[str],
    now: datetime,
) -> None:
    """A whole site at `folder`, or nothing there.

    Raises:
        SiteExists: something is there already.
        NotAccepted: a value is not legal.
        StorageRefused: the disk refused.
    """
    checked = _check(site, name, hosts, receivers)
    if os.path.lexists(folder):
        raise SiteExists(f"There is something at {folder} already. Choose another folder for the new site.")
    aside = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}")
    try:
        aside.mkdir(mode=0o700)
        try:
            _fill(SiteLayout(aside), checked, name, hosts, broker, receivers, now)
            aside.rename(folder)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
        durable.sync_folder(folder.parent)
    except OSError as error:
        raise StorageRefused(f"The site cannot be made in {folder}: {error.strerror or error}.") from error


def _check(site: str, name: str, hosts: Sequence[str], receivers: Sequence[str]) -> SiteId:
    try:
        checked = site_id(site)
        check_name(name)
        for host in hosts:
            Address(host, 1)
        for receiver in receivers:
            check_receiver(receiver)
        if not hosts or len(set(receivers)) != len(receivers):
            raise ValueError("a site has at least one host, and receivers of different names")
    except ValueError as error:
        raise NotAccepted(f"This site cannot be made: {error}.") from error
    return checked


def _fill(  # noqa: PLR0917 - the arguments of create_site, checked
    layout: SiteLayout,
    site: SiteId,
    name: str,
    hosts: Sequence[str],
    broker: BrokerAddress,
    receivers: Sequence[str],
    now: datetime,
) -> None:
    for private in (layout.folder, layout.keys, layout.sealing, layout.receipt, layout.certificates):
        durable.private_folder(private)
    made = SiteKeys(layout, site)
    made.make(now)
    durable.write(layout.certificate("authorities"), to_pem(made.root, made.issuing))
    for server in SERVERS:
        made.issue_server(server, hosts, now)
    for receiver in receivers:
        made.issue_receiver(receiver, now)
    term = make_opening_key(layout.sealing, SealingUse.SITE)
    receipt_name, receipt_key = made.make_receipt()
    registry = Registry.create(layout.registry)
    made_at = seconds(now)
    publisher = Publisher(layout, site, registry, made, lambda: now)
    with publisher.changing() as open_rows:
        rows.write_settings(open_rows, [("name", name), ("manifest_version", "0")])
        write_receivers(open_rows, receivers)
        write_broker(open_rows, broker)
        write_policy(open_rows, Policy())
        rows.add_key(open_rows, "sealing", term.key_id, use=term.use.value, public=term.public, made_at=made_at)
        receipt_public = receipt_key.public_key().public_bytes_raw()
        rows.add_key(open_rows, "receipt", receipt_name, use="site", public=receipt_public, made_at=made_at)
    durable.write(layout.facts, canonical.encode({"format": FORMAT, "site": site, "created": made_at}))
