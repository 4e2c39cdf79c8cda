"""Names of things, checked once where they enter.

A capture id is 128 random bits as 32 lowercase hex digits. Device and site ids are lowercase DNS-label-like words, so
that they can stand in a topic, a certificate and a file name without escaping, and say nothing about a patient.
"""

from __future__ import annotations

import re
from typing import NewType

CaptureId = NewType("CaptureId", str)
DeviceId = NewType("DeviceId", str)
SiteId = NewType("SiteId", str)

_CAPTURE = re.compile(r"[0-9a-f]{32}", re.ASCII)
_BADGE = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)


def capture_id(text: str) -> CaptureId:
    """`text` as a capture id.

    Raises:
        ValueError: not 32 lowercase hex digits.
    """
    if not _CAPTURE.fullmatch(text):
        raise ValueError("a capture id is 32 lowercase hex digits")
    return CaptureId(text)


def device_id(text: str) -> DeviceId:
    """`text` as a device id.

    Raises:
        ValueError: not 1 to 63 lowercase letters, digits and inner hyphens.
    """
    if not _NAME.fullmatch(text):
        raise ValueError("a device id is 1 to 63 lowercase letters, digits and inner hyphens")
    return DeviceId(text)


def site_id(text: str) -> SiteId:
    """`text` as a site id.

    Raises:
        ValueError: not 1 to 63 lowercase letters, digits and inner hyphens.
    """
    if not _NAME.fullmatch(text):
        raise ValueError("a site id is 1 to 63 lowercase letters, digits and inner hyphens")
    return SiteId(text)


def is_badge(text: str) -> bool:
    """Whether a clinician's badge can say this: 1 to 64 letters, digits, dots, hyphens and underscores."""
    return _BADGE.fullmatch(text) is not None
