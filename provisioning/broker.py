"""A ready Mosquitto configuration for a site: who may connect, and to which topics.

What to set on other brokers is in docs/formats/enrolment.md.

Mosquitto takes the name in the certificate as the user name (`use_identity_as_username`) and as the client id, so that
one certificate can never push another's connection out. The rights are patterns over that name; a device that IT has
revoked is denied by name. After a change, write the rights again and send Mosquitto a SIGHUP: it reads them anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provisioning import durable
from provisioning.certificates import receiver_common_name
from provisioning.errors import StorageRefused
from provisioning.site import Site
from provisioning.site_layout import BROKER, TlsPaths

CONFIGURATION = "mosquitto.conf"
RIGHTS = "wardlens.acl"
MAX_PACKET = 1024 * 1024

_TEXT = """\
# Made by Wardlens for the site {site}. Devices and receivers prove themselves by certificate, and nobody else gets in.
per_listener_settings false
listener {port} {host}
cafile {ca}
certfile {certificate}
keyfile {key}
tls_version tlsv1.3
require_certificate true
use_identity_as_username true
use_username_as_clientid true
allow_anonymous false
allow_zero_length_clientid false
acl_file {rights}
# The truth is in the vault, the archive and the receipt; the broker keeps nothing.
persistence false
max_packet_size {packet}
# Nagle's algorithm would hold each small packet behind another for 40 ms (docs/benchmarks.md).
set_tcp_nodelay true
max_inflight_messages 20
max_queued_messages 1000
log_dest stdout
log_type error
log_type warning
log_type notice
"""

_DEVICE = """\
# A device: its own topics, and whether somebody listens.
pattern write wardlens/v1/%u/up/#
pattern readwrite wardlens/v1/%u/state
pattern write wardlens/v1/%u/command/+/result
pattern read wardlens/v1/%u/command/+
pattern read wardlens/v1/%u/down/#
pattern read wardlens/v1/site/receivers
"""

_RECEIVER = """\
user {name}
topic read wardlens/v1/+/up/#
topic read wardlens/v1/+/state
topic write wardlens/v1/+/down/+
topic readwrite wardlens/v1/site/receivers
"""

_DENIED = """\
user {name}
topic deny wardlens/#
topic deny $SYS/#
"""


def mosquitto_rights(receivers: Sequence[str], denied: Sequence[str]) -> str:
    """The text of the ACL file: patterns for every device, one section for each receiver and each denied device."""
    sections = [_RECEIVER.format(name=receiver_common_name(name)) for name in receivers]
    return "\n".join([_DEVICE, *sections, *(_DENIED.format(name=name) for name in denied)])


def mosquitto_text(site: str, tls: TlsPaths, rights: Path, *, host: str, port: int) -> str:
    """The text of mosquitto.conf."""
    return _TEXT.format(
        site=site,
        host=host,
        port=port,
        ca=tls.ca,
        certificate=tls.certificate,
        key=tls.key,
        rights=rights,
        packet=MAX_PACKET,
    )


def mosquitto_config(site: Site, folder: Path, port: int, *, host: str = "0.0.0.0") -> str:
    """The text of a mosquitto.conf for `site`, with everything that it names written into `folder`, private.

    Copies, so that the folder can be handed to the user that Mosquitto runs as; it holds the broker's key and no other.

    Raises:
        StorageRefused: the folder cannot be written.
    """
    files = site.tls(BROKER)
    folder = folder.resolve()
    tls = TlsPaths(folder / "authorities.pem", folder / "broker.pem", folder / "broker.key")
    rights = folder / RIGHTS
    text = mosquitto_text(site.id, tls, rights, host=host, port=port)
    try:
        durable.private_folder(folder)
        durable.write(tls.ca, files.ca.read_bytes())
        durable.write(tls.certificate, files.certificate.read_bytes())
        durable.write(tls.key, files.key.read_bytes(), mode=durable.PRIVATE)
        write_rights(site, folder)
        durable.write(folder / CONFIGURATION, text.encode())
    except OSError as error:
        raise StorageRefused(f"The broker's files cannot be written to {folder}: {error.strerror or error}.") from error
    return text


def write_mosquitto(site: Site, folder: Path, host: str, port: int) -> Path:
    """A ready configuration for `site` in `folder`; the path of its mosquitto.conf.

    Raises:
        StorageRefused: the folder cannot be written.
    """
    mosquitto_config(site, folder, port, host=host)
    return folder.resolve() / CONFIGURATION


def write_rights(site: Site, folder: Path) -> Path:
    """The ACL file in `folder` as it should be now, for a broker that then gets a SIGHUP; its path.

    Raises:
        StorageRefused: it cannot be written.
    """
    rights = folder / RIGHTS
    try:
        # Readable by the broker's own user, whoever that is; it holds device names and nothing secret.
        durable.write(rights, rights_of(site).encode())
    except OSError as error:
        raise StorageRefused(
            f"The broker's rights cannot be written to {rights}: {error.strerror or error}."
        ) from error
    return rights


def rights_of(site: Site) -> str:
    """The text of the ACL file as it should be now."""
    return mosquitto_rights(site.manifest.receivers, site.denied())
