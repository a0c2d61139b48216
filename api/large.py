"""Answers that may be large: sent piece by piece as they are made, never held whole."""

from collections.abc import AsyncIterator, Iterable, Iterator
from itertools import chain

from starlette.responses import Response, StreamingResponse

from api.connections import PIECE

JSON = "application/json"
WHOLE = 4 * PIECE  # an answer up to this size has a Content-Length


def json_response(pieces: Iterable[bytes], status: int = 200) -> Response:
    """The JSON text that the pieces make; they are taken as the client reads."""
    parts = group_pieces(pieces)
    first: list[bytes] = []
    for part in parts:
        first.append(part)
        if sum(map(len, first)) > WHOLE:
            return StreamingResponse(stream_pieces(chain(first, parts)), status, media_type=JSON)
    return Response(b"".join(first), status, media_type=JSON)


async def stream_pieces(parts: Iterable[bytes]) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def group_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """The same bytes in parts of about one piece, so that small lines make few writes."""
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(held)
            held, size = [], 0
    yield b"".join(held)
