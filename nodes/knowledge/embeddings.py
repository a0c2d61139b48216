"""Vectors of texts from an OpenAI-compatible server, for passages and for questions alike."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from core.errors import BotError
from core.events import SilentEmitter
from nodes.calls.http import HttpClient, read_body, request
from nodes.calls.retry import RetryLimits, attempts, within
from nodes.knowledge.request import EmbeddingEndpoint

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Vectors = NDArray[np.float32]

Report = Callable[[str], None]


class EmbeddingModel:
    """Asks an endpoint, again where it fails for a moment. Raises `BotError`."""

    def __init__(self, http: HttpClient, endpoint: EmbeddingEndpoint, limits: RetryLimits) -> None:
        self._http = http
        self._endpoint = endpoint
        self._limits = limits

    async def embed(self, texts: Sequence[str], report: Report) -> "Vectors":
        """A row of length one for each text; `report` hears of each further attempt."""
        return await attempts(
            lambda: self._embed_in_time(texts),
            fail=BotError,
            who=self._endpoint.address,
            emitter=_Reporter(report),
            patience=self._limits,
        )

    async def _embed_in_time(self, texts: Sequence[str]) -> "Vectors":
        address = self._endpoint.address
        return await within(self._endpoint.timeout_s, BotError, address, self._ask(texts))

    async def _ask(self, texts: Sequence[str]) -> "Vectors":
        end = self._endpoint
        headers = {"Content-Type": "application/json"}
        if end.key:
            headers["Authorization"] = f"Bearer {end.key}"
        asked = {"model": end.model, "input": list(texts), "encoding_format": "float"}
        async with request(
            self._http,
            BotError,
            "POST",
            f"{end.url}/embeddings",
            address=end.address,
            headers=headers,
            content=orjson.dumps(asked),
        ) as answer:
            body = await read_body(answer, BotError, end.address)
        return parse_vectors(body, len(texts), end.address)


def parse_vectors(body: bytes, count: int, address: str) -> "Vectors":
    """The vectors of an answer, in the order asked for. Raises `BotError`."""
    import numpy as np

    try:
        data = sorted(orjson.loads(body)["data"], key=lambda one: one["index"])
        vectors = np.array([one["embedding"] for one in data], dtype=np.float32)
    except (ValueError, KeyError, TypeError) as error:
        raise BotError("bad_reply", f"{address} sent no embeddings") from error
    if vectors.ndim != 2 or len(vectors) != count or not np.isfinite(vectors).all():
        raise BotError("bad_reply", f"{address} sent other embeddings than were asked for")
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Vectors = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


class _Reporter(SilentEmitter):
    def __init__(self, report: Report) -> None:
        self._report = report

    def status(self, status: str, message: str, **facts: Any) -> None:
        self._report(message)
