"""The envelope: a capture sealed to the hospital and signed by the device, as opaque, immutable bytes.

This face makes, parses and verifies envelopes. It cannot open one and holds no key that could: opening lives in the
receiver (docs/adr/0005). It knows nothing of pixels, so that the process with the network can carry envelopes without
loading what looks at patients. The bytes are in docs/formats/envelope.md.
"""

from __future__ import annotations

from capture.envelope.header import MAX_HEADER, Header, Recipient
from capture.envelope.keys import SEALING_KEY_BYTES, SealingKey, commitment_to, content_key_info
from capture.envelope.layout import MAX_ENVELOPE, Envelope, parse_envelope
from capture.envelope.seal import MANIFEST_LENGTH, MAX_MANIFEST, Body, SealingContext, seal
from capture.envelope.signing import FileSigner, KeySigner, Signer, is_signed_by
from capture.envelope.suites import HPKE, BodySuite, body_cipher, faster_suite, measured_suite
from capture.envelope.verification import certificate_subjects, verify_envelope
from capture.errors import EnvelopeRefused, Refusal, SigningKeyUnusable

__all__ = [
    "HPKE",
    "MANIFEST_LENGTH",
    "MAX_ENVELOPE",
    "MAX_HEADER",
    "MAX_MANIFEST",
    "SEALING_KEY_BYTES",
    "Body",
    "BodySuite",
    "Envelope",
    "EnvelopeRefused",
    "FileSigner",
    "Header",
    "KeySigner",
    "Recipient",
    "Refusal",
    "SealingContext",
    "SealingKey",
    "Signer",
    "SigningKeyUnusable",
    "body_cipher",
    "certificate_subjects",
    "commitment_to",
    "content_key_info",
    "faster_suite",
    "is_signed_by",
    "measured_suite",
    "parse_envelope",
    "seal",
    "verify_envelope",
]
