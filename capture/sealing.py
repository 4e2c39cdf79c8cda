"""From a reviewed picture to an envelope: the last place on the device that holds a picture in the open."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from capture.encoding import encode_jpeg
from capture.encounter import Encounter
from capture.envelope import Body, BodySuite, Envelope, SealingContext, seal
from capture.errors import StillUnanswered
from capture.identifiers import CaptureId
from capture.record import DeviceFacts, capture_manifest
from capture.scale_marker import Marker
from inference.picture import Photo

__all__ = ["Capture", "DeviceFacts", "encoded", "seal_capture"]


@dataclass(frozen=True, slots=True)
class Capture:
    """A Photo, its Encounter and its Redaction (the photo carries it), under one id.

    Raises:
        TypeError: anything but a Photo, which is to say pixels that nobody de-identified.
        StillUnanswered: the photo asks something that nobody has answered.
    """

    capture_id: CaptureId
    photo: Photo
    encounter: Encounter
    taken_at_ms: int
    facts: DeviceFacts
    marker: Marker

    def __post_init__(self) -> None:
        if type(self.photo) is not Photo:
            raise TypeError(f"only a Photo can become a capture, not a {type(self.photo).__name__}")
        redaction = self.photo.redaction
        if redaction.unanswered or redaction.hiding:
            raise StillUnanswered(
                tuple(kind.value for kind in redaction.unanswered), tuple(kind.value for kind in redaction.hiding)
            )


def encoded(photo: Photo) -> bytes:
    """`photo` as JPEG bytes, at the quality that stills are kept in."""
    return encode_jpeg(photo).data


def seal_capture(
    capture: Capture,
    context: SealingContext,
    *,
    suite: BodySuite | None = None,
    encode: Callable[[Photo], bytes] = encoded,
) -> Envelope:
    """`capture` as an envelope: encoded, described in its manifest, sealed, signed.

    Args:
        capture: what to seal.
        context: who seals it for whom; of the same capture and device.
        suite: the body's AEAD; the one this machine is faster at where not given.
        encode: how a photo becomes a JPEG (the caller may time it).

    Raises:
        ValueError: the context is of another capture or device, or the picture is too large for an envelope.
    """
    if context.capture != capture.capture_id or context.device != capture.facts.device:
        raise ValueError("the sealing context is of another capture or device")
    jpeg = encode(capture.photo)
    manifest = capture_manifest(
        capture=capture.capture_id,
        site=context.site,
        counter=context.counter,
        facts=capture.facts,
        taken_at_ms=capture.taken_at_ms,
        encounter=capture.encounter,
        redaction=capture.photo.redaction,
        marker=capture.marker,
        jpeg=jpeg,
    )
    return seal(Body(manifest, jpeg), context, suite=suite)
