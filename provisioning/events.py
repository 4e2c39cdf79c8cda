"""The names of what this room logs. Fields are ids and counts; never a secret, a digit, a badge or a name."""

from __future__ import annotations

from enum import Enum


class Event(Enum):
    """One name for each thing worth a log line."""

    SITE_CREATED = "site-created"
    INVITATION_MADE = "invitation-made"
    DEVICE_ENROLLED = "device-enrolled"
    DEVICE_CHANGED = "device-changed"
    DEVICE_READMITTED = "device-readmitted"
    DIGITS_DIFFERED = "digits-differed"
    ENROLMENT_REFUSED = "enrolment-refused"
    CERTIFICATES_RENEWED = "certificates-renewed"
    CERTIFICATE_ENDS = "certificate-ends"
    MANIFEST_ISSUED = "manifest-issued"
    MANIFEST_GIVEN = "manifest-given"
    COMMAND_GIVEN = "command-given"
    COMMAND_ANSWERED = "command-answered"
    BROKER_TOLD = "broker-told"
    BROKER_NOT_TOLD = "broker-not-told"
    PAIRING_STEP = "pairing-step"
    PAIRING_FAILED = "pairing-failed"
