"""Compressed answers, taken apart a little at a time: what comes out is counted, not what came."""

import zlib
from collections.abc import Iterator
from typing import Protocol

PIECE_BYTES = 65_536
"""So much comes out at once, however small the block that went in."""


class Garbled(Exception):
    """The bytes are not what their encoding says, or they end too early."""


class Decoder(Protocol):
    """Takes blocks as they come. Raises `Garbled`."""

    def feed(self, block: bytes) -> Iterator[bytes]:
        """What comes out, in pieces of `PIECE_BYTES` at most."""

    def end(self) -> None:
        """To be called after the last block."""


class Inflate:
    """`gzip`, in one member or several, and `deflate` with or without its wrapper."""

    def __init__(self, window: int) -> None:
        self._window = window
        self._stream = zlib.decompressobj(window)
        self._begun = False

    def feed(self, block: bytes) -> Iterator[bytes]:
        while block:
            if self._stream.eof:
                self._stream = zlib.decompressobj(self._window)
            out = self._inflate(block)
            self._begun = True
            if out:
                yield out
            block = self._stream.unconsumed_tail or self._stream.unused_data

    def end(self) -> None:
        if self._begun and not self._stream.eof:
            raise Garbled

    def _inflate(self, block: bytes) -> bytes:
        try:
            return self._stream.decompress(block, PIECE_BYTES)
        except zlib.error as error:
            if self._begun or self._window != zlib.MAX_WBITS:
                raise Garbled from error
            self._window = -zlib.MAX_WBITS  # many servers send deflate without its wrapper
            self._stream = zlib.decompressobj(self._window)
            return self._inflate(block)


def make_decoder(encoding: str) -> Decoder | None:
    """What reads that Content-Encoding; None for one that we cannot read."""
    if encoding in ("gzip", "x-gzip"):
        return Inflate(16 + zlib.MAX_WBITS)
    return Inflate(zlib.MAX_WBITS) if encoding == "deflate" else None
