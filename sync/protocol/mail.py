"""From a topic and a payload to one value of the protocol, on either side."""

from __future__ import annotations

from capture.identifiers import DeviceId
from sync.errors import Flaw, MessageRefused
from sync.protocol import topics
from sync.protocol.canonical import kind_of
from sync.protocol.messages import Have, Offer, Refusal, decode_have, decode_offer, decode_refusal
from sync.protocol.pieces import Chunk, decode_chunk
from sync.protocol.receipts import Receipt, decode_receipt


def decode_up(topic: str, payload: bytes) -> tuple[DeviceId, Offer | Chunk]:
    """What a device said, and which device: the broker's ACL vouches for the topic, so the topic names it.

    Raises:
        MessageRefused: a topic or payload that is not exactly the protocol's, or that disagree about the capture.
    """
    where = topics.parse_up(topic)
    message = decode_offer(payload) if where.kind is topics.UpKind.OFFER else decode_chunk(payload)
    if message.upload.capture != where.capture:
        raise MessageRefused(Flaw.TOPIC, "topic and payload name different captures")
    return where.device, message


def decode_down(topic: str, payload: bytes) -> tuple[DeviceId, Have | Receipt | Refusal]:
    """What a receiver answered, and to which device. A receipt's signature is not yet checked.

    Raises:
        MessageRefused: a topic or payload that is not exactly the protocol's, or that disagree about the capture.
    """
    device, capture = topics.parse_down(topic)
    message: Have | Receipt | Refusal
    match kind_of(payload):
        case "have":
            have = decode_have(payload)
            named, message = have.upload.capture, have
        case "receipt":
            receipt = decode_receipt(payload)
            named, message = receipt.capture, receipt
        case "refusal":
            refusal = decode_refusal(payload)
            named, message = refusal.capture, refusal
        case _:
            raise MessageRefused(Flaw.TYPE, "this type of answer is not known here")
    if named != capture:
        raise MessageRefused(Flaw.TOPIC, "topic and payload name different captures")
    return device, message
