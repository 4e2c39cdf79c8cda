"""The sync protocol, with no I/O in it: messages, topics, and the two machines that decide.

Messages and ticks go in, messages and effects come out; time, randomness, storage and transport are arguments. The
same code runs over MQTT (:mod:`sync.uplink`, :mod:`sync.receiver`) and over the in-memory transport of
:mod:`sync.protocol.simulated`. It never opens a socket, reads a clock or touches a file.
"""

from __future__ import annotations

from sync.protocol import topics
from sync.protocol.mail import decode_down, decode_up
from sync.protocol.messages import (
    DeviceFacts,
    DeviceState,
    Have,
    Offer,
    Receivers,
    Refusal,
    RefusalReason,
    decode_receivers,
    decode_state,
)
from sync.protocol.pieces import DEFAULT_CHUNK, MAX_LENGTH, Chunk, Pieces, Upload
from sync.protocol.receipts import Receipt, decode_receipt, sign_receipt
from sync.protocol.receiver import (
    Accepted,
    Archived,
    Complete,
    DropChunks,
    Facts,
    Ignore,
    KeepHeads,
    OpenUpload,
    Postponed,
    Quarantine,
    ReceiverMachine,
    Rejected,
    SendHave,
    SendReceipt,
    SendRefusal,
    StoreChunk,
    Verdict,
)

__all__ = [
    "DEFAULT_CHUNK",
    "MAX_LENGTH",
    "Accepted",
    "Archived",
    "Chunk",
    "Complete",
    "DeviceFacts",
    "DeviceState",
    "DropChunks",
    "Facts",
    "Have",
    "Ignore",
    "KeepHeads",
    "Offer",
    "OpenUpload",
    "Pieces",
    "Postponed",
    "Quarantine",
    "Receipt",
    "ReceiverMachine",
    "Receivers",
    "Refusal",
    "RefusalReason",
    "Rejected",
    "SendHave",
    "SendReceipt",
    "SendRefusal",
    "StoreChunk",
    "Upload",
    "Verdict",
    "decode_down",
    "decode_receipt",
    "decode_receivers",
    "decode_state",
    "decode_up",
    "sign_receipt",
    "topics",
]
