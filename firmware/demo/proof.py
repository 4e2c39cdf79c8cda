"""Whether the hospital has exactly what the device sealed: checked again from the stored bytes, trusting no row."""

from __future__ import annotations

import hashlib

from capture.envelope import EnvelopeRefused, parse_envelope, verify_envelope
from capture.identifiers import CaptureId
from provisioning.site import Site
from sync.errors import MessageRefused
from sync.protocol import decode_receipt
from sync.receiver import Archive, NotFiled, NotOpenable, open_envelope


def prove(archive: Archive, site: Site, digest: str, capture: CaptureId) -> bool:
    """Whether `capture` is filed with this very envelope: signed by a device of the site, openable, receipted."""
    try:
        filed = archive.capture(capture)
        envelope = parse_envelope(archive.envelope(filed))
        verify_envelope(envelope, site=site.id, authorities=site.authorities())
        opened = open_envelope(envelope, site.opening_keys())
        receipt = decode_receipt(filed.receipt)
        receipt.verify(site.manifest.receipt_keys)
    except (NotFiled, EnvelopeRefused, NotOpenable, MessageRefused):
        return False
    return (
        envelope.digest == digest == receipt.digest
        and receipt.capture == capture
        and hashlib.sha256(opened.jpeg).digest() == hashlib.sha256(archive.picture(filed)).digest()
    )
