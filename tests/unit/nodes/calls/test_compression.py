"""Compressed bodies come out whole, or are a fault; and never more than was asked for at once."""

import gzip
import os
import zlib

import pytest

from nodes.calls.compression import PIECE_BYTES, Decoder, Garbled, make_decoder

TEXT = ("Dạ, em nghe ạ 😀 " * 5000).encode()


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


PACKED = {
    "gzip": gzip.compress(TEXT),
    "x-gzip": gzip.compress(TEXT[:100]) + gzip.compress(TEXT[100:]),
    "deflate": zlib.compress(TEXT),
}


def open_decoder(encoding: str) -> Decoder:
    decoder = make_decoder(encoding)
    assert decoder is not None
    return decoder


def unpack(encoding: str, data: bytes, step: int) -> bytes:
    decoder = open_decoder(encoding)
    blocks = [data[at : at + step] for at in range(0, len(data), step)]
    out = b"".join(piece for block in blocks for piece in decoder.feed(block))
    decoder.end()
    return out


@pytest.mark.parametrize("step", [1, 7, 1000, 10**9])
@pytest.mark.parametrize("encoding", PACKED)
def test_it_comes_out_however_it_is_cut(encoding: str, step: int) -> None:
    assert unpack(encoding, PACKED[encoding], step) == TEXT


@pytest.mark.parametrize("step", [7, 10**9])
def test_deflate_without_its_wrapper_is_read_too(step: int) -> None:
    assert unpack("deflate", raw_deflate(TEXT), step) == TEXT


def test_a_bomb_comes_out_a_piece_at_a_time() -> None:
    bomb = gzip.compress(bytes(100_000_000))
    pieces = open_decoder("gzip").feed(bomb)
    assert max(len(next(pieces)) for _ in range(50)) <= PIECE_BYTES


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_what_is_garbled_or_cut_is_a_fault(encoding: str) -> None:
    with pytest.raises(Garbled):
        unpack(encoding, os.urandom(200) if encoding == "gzip" else b"\xff" * 200, 50)
    with pytest.raises(Garbled):
        unpack(encoding, PACKED[encoding][:-20], 50)


def test_other_encodings_are_not_known() -> None:
    assert make_decoder("br") is None
    assert make_decoder("zstd") is None
