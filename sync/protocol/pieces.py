"""How an envelope is cut: its upload's geometry, one chunk, and the set of chunks somebody has."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final, Self

from capture.identifiers import CaptureId, capture_id
from sync.errors import Flaw, MessageRefused
from sync.protocol.canonical import HEX_64

MAX_LENGTH: Final = 64 * 1024 * 1024
"""Bytes of the longest envelope that is sent."""

MIN_CHUNK: Final = 1024
MAX_CHUNK: Final = 1024 * 1024
DEFAULT_CHUNK: Final = 128 * 1024
MAX_COUNT: Final = MAX_LENGTH // MIN_CHUNK

OVERHEAD: Final = 512
"""Bytes to leave free in a packet beside a chunk's own: MQTT header, topic, properties, chunk header."""

_HEADER: Final = struct.Struct(">B16s32sIIQ")
_VERSION: Final = 1


@dataclass(frozen=True, slots=True)
class Upload:
    """Which envelope is sent, and in which pieces. Two uploads of one envelope may differ in `chunk_size` only.

    Attributes:
        capture: the capture's id.
        digest: SHA-256 of the envelope, hex.
        length: its bytes.
        chunk_size: bytes of every chunk but the last; never more than `length`.

    Raises:
        MessageRefused: numbers out of bounds.
    """

    capture: CaptureId
    digest: str
    length: int
    chunk_size: int

    def __post_init__(self) -> None:
        if not HEX_64.fullmatch(self.digest):
            raise MessageRefused(Flaw.VALUE, "a digest is 64 lowercase hex digits")
        if not 1 <= self.length <= MAX_LENGTH:
            raise MessageRefused(Flaw.GEOMETRY, f"an envelope has 1 to {MAX_LENGTH} bytes")
        if not min(MIN_CHUNK, self.length) <= self.chunk_size <= min(MAX_CHUNK, self.length):
            raise MessageRefused(
                Flaw.GEOMETRY, f"a chunk has {MIN_CHUNK} to {MAX_CHUNK} bytes, never more than there are"
            )

    @classmethod
    def cut(cls, capture: CaptureId, digest: str, length: int, largest: int) -> Self:
        """The upload of an envelope in chunks of at most `largest` bytes."""
        return cls(capture, digest, length, min(largest, MAX_CHUNK, length))

    @property
    def count(self) -> int:
        """How many chunks there are."""
        return -(-self.length // self.chunk_size)

    def span(self, index: int) -> tuple[int, int]:
        """Offset and size of one chunk.

        Raises:
            IndexError: there is no such chunk.
        """
        if not 0 <= index < self.count:
            raise IndexError(f"chunk {index} of {self.count}")
        offset = index * self.chunk_size
        return offset, min(self.chunk_size, self.length - offset)


@dataclass(frozen=True, slots=True)
class Chunk:
    """One piece of an envelope, with all that is needed to place it.

    Raises:
        MessageRefused: the piece does not fit its upload.
    """

    upload: Upload
    index: int
    data: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.index < self.upload.count or len(self.data) != self.upload.span(self.index)[1]:
            raise MessageRefused(Flaw.GEOMETRY, "the chunk does not fit its envelope")

    @property
    def offset(self) -> int:
        """Where it begins in the envelope."""
        return self.index * self.upload.chunk_size

    def encode(self) -> bytes:
        """The payload to publish."""
        up = self.upload
        identity = bytes.fromhex(up.capture), bytes.fromhex(up.digest)
        return _HEADER.pack(_VERSION, *identity, self.index, up.count, up.length) + self.data


def decode_chunk(payload: bytes) -> Chunk:
    """The chunk in a payload.

    Its chunk size is not written: every chunk but the last has it as its length, and the last one gives it by
    `(length - its length) / (count - 1)`.

    Raises:
        MessageRefused: anything else than exactly one well-formed chunk.
    """
    if len(payload) <= _HEADER.size:
        raise MessageRefused(Flaw.TOO_SHORT, "the chunk is cut short")
    if len(payload) > _HEADER.size + MAX_CHUNK:
        raise MessageRefused(Flaw.TOO_LONG, f"a chunk carries at most {MAX_CHUNK} bytes")
    version, capture, digest, index, count, length = _HEADER.unpack_from(payload)
    if version != _VERSION:
        raise MessageRefused(Flaw.VERSION, "this version of the chunk is not known here")
    data = payload[_HEADER.size :]
    if not (1 <= count <= MAX_COUNT and index < count and 1 <= length <= MAX_LENGTH):
        raise MessageRefused(Flaw.GEOMETRY, "the chunk's numbers are out of bounds")
    size, rest = (len(data), 0) if index < count - 1 else _size_from_last(length, len(data), count)
    if rest:
        raise MessageRefused(Flaw.GEOMETRY, "the last chunk does not end where the envelope does")
    upload = Upload(capture_id(capture.hex()), digest.hex(), length, size)
    if upload.count != count:
        raise MessageRefused(Flaw.GEOMETRY, "the chunk's count does not fit its size")
    return Chunk(upload, index, data)


def _size_from_last(length: int, last: int, count: int) -> tuple[int, int]:
    if count == 1:
        return last, length - last
    return divmod(length - last, count - 1)


@dataclass(frozen=True, slots=True)
class Pieces:
    """Which of `count` chunks are there: bit i of `bits` is chunk i.

    Raises:
        ValueError: bits beyond the count.
    """

    count: int
    bits: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.bits < 1 << self.count:
            raise ValueError("there are bits beyond the last chunk")

    @classmethod
    def of(cls, count: int, indexes: Iterable[int]) -> Self:
        """The set of these chunks."""
        bits = 0
        for index in indexes:
            bits |= 1 << index
        return cls(count, bits)

    @classmethod
    def from_bytes(cls, count: int, data: bytes) -> Self:
        """The set written as a bitmap, chunk 0 in the lowest bit of the first byte.

        Raises:
            MessageRefused: not exactly the bytes that `count` needs, or bits beyond it.
        """
        bits = int.from_bytes(data, "little")
        if len(data) != -(-count // 8) or bits >> count:
            raise MessageRefused(Flaw.GEOMETRY, "the bitmap does not fit the number of chunks")
        return cls(count, bits)

    def to_bytes(self) -> bytes:
        """The bitmap, chunk 0 in the lowest bit of the first byte."""
        return self.bits.to_bytes(-(-self.count // 8), "little")

    def __contains__(self, index: int) -> bool:
        return bool(self.bits >> index & 1)

    def __len__(self) -> int:
        return self.bits.bit_count()

    def with_piece(self, index: int) -> Pieces:
        """The same and one more."""
        return Pieces(self.count, self.bits | 1 << index)

    @property
    def complete(self) -> bool:
        """Whether nothing is missing."""
        return len(self) == self.count

    def missing(self) -> Iterator[int]:
        """What is missing, lowest first."""
        return (index for index in range(self.count) if index not in self)
