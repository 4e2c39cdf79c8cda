"""Sealing as a paired device does, for the tests that need an envelope of one."""

from __future__ import annotations

from capture.envelope import Body, Envelope, FileSigner, SealingContext, seal
from capture.identifiers import CaptureId
from provisioning.certificates import to_der
from provisioning.identity import DeviceIdentity

SMALL = Body(b"{}", b"\xff\xd8\xffpicture")
"""No capture that could be filed; enough for whoever looks at its seal alone."""


def sealed_by(device: DeviceIdentity, body: Body = SMALL, *, number: int = 0, counter: int = 1) -> Envelope:
    """What the device seals as its manifest says now; `number` names the capture."""
    context = SealingContext(
        capture=CaptureId(f"{number:032x}"),
        device=device.device,
        site=device.site,
        counter=counter,
        recipients=device.sealing_keys,
        signer=FileSigner(device.signing_key),
        certificates=tuple(to_der(certificate) for certificate in device.signing_chain),
    )
    return seal(body, context)
