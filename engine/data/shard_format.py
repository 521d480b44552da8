"""The bytes of a token shard: a 64-byte header, then little-endian token ids. Specified in docs/data.md.

The writer and the reader of shards use it; it opens no files.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, replace

MAGIC = b"SLOTTOKS"
VERSION = 1
HEADER_BYTES = 64
_LAYOUT = struct.Struct("<8sHHIQII32s")
"""magic, version, bytes per token, vocabulary size, tokens, largest id, CRC-32, vocabulary hash (SHA-256)."""

LLMC_MAGIC = struct.pack("<i", 20240520)
"""The first bytes of llm.c's shards, which end in .bin too and would pass for headerless tokens."""


@dataclass(frozen=True, slots=True)
class ShardHeader:
    """What a shard says of itself."""

    token_bytes: int
    """2 (uint16) or 4 (uint32)."""
    vocab_size: int
    num_tokens: int
    max_id: int
    """Largest id in the shard: a reader checks the file against a model without reading it all."""
    vocab_hash: str
    """64 hex digits."""

    def pack(self) -> bytes:
        """64 bytes; the CRC-32 covers them all, its own field taken as zero."""
        return self._layout(zlib.crc32(self._layout(0)))

    def _layout(self, crc: int) -> bytes:
        return _LAYOUT.pack(
            MAGIC,
            VERSION,
            self.token_bytes,
            self.vocab_size,
            self.num_tokens,
            self.max_id,
            crc,
            bytes.fromhex(self.vocab_hash),
        )

    def with_tokens(self, num_tokens: int, max_id: int) -> ShardHeader:
        return replace(self, num_tokens=num_tokens, max_id=max_id)


def unpack(data: bytes) -> ShardHeader:
    """The header in the first 64 bytes of a shard.

    Raises:
        ValueError: says in a few words why this is not a header this version can read.
    """
    if len(data) < HEADER_BYTES:
        raise ValueError("the header is cut short")
    magic, version, token_bytes, vocab_size, num_tokens, max_id, crc, vocab_hash = _LAYOUT.unpack(
        data[:HEADER_BYTES]
    )
    if magic != MAGIC:
        raise ValueError("there is no header")
    if version != VERSION:
        raise ValueError(f"it is version {version}, and this program reads version {VERSION}")
    header = ShardHeader(token_bytes, vocab_size, num_tokens, max_id, vocab_hash.hex())
    if token_bytes not in (2, 4) or header.pack()[28:32] != struct.pack("<I", crc):
        raise ValueError("the header is damaged")
    return header


def token_bytes_for(vocab_size: int) -> int:
    """2 while every id fits in 16 bits, else 4."""
    return 2 if vocab_size <= 1 << 16 else 4
