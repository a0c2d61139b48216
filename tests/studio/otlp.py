"""An OTLP receiver: takes traces over HTTP as protobuf, and tells them as a tree."""

import gzip
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from tests.servers.host import Host


@dataclass(frozen=True)
class Span:
    """A span that arrived; `scope` is whose instrumentation made it."""

    name: str
    id: str
    parent: str
    trace: str
    kind: int
    status: int
    scope: str
    service: str
    facts: dict[str, Any]
    start: int
    end: int


class Receiver:
    """`async with Receiver() as otlp`; `OTEL_EXPORTER_OTLP_ENDPOINT` wants its `url`."""

    def __init__(self) -> None:
        self.spans: list[Span] = []

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_post("/v1/traces", self._take)
        self._host = Host(app, 0)
        await self._host.start()
        self.url = f"http://127.0.0.1:{self._host.port}"
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self._host.stop()

    async def _take(self, request: web.Request) -> web.Response:
        content = await request.read()
        if content[:2] == b"\x1f\x8b":
            content = gzip.decompress(content)
        told = ExportTraceServiceRequest.FromString(content)
        for resource in told.resource_spans:
            service = _facts(resource.resource.attributes).get("service.name", "")
            for scope in resource.scope_spans:
                self.spans += [_span(span, scope.scope.name, service) for span in scope.spans]
        answer = ExportTraceServiceResponse().SerializeToString()
        return web.Response(body=answer, content_type="application/x-protobuf")

    def ours(self) -> list[Span]:
        spans = [span for span in self.spans if span.scope == "duologue"]
        return sorted(spans, key=lambda span: span.start)

    def named(self, name: str) -> list[Span]:
        return [span for span in self.ours() if span.name == name]

    def children(self, of: Span) -> list[Span]:
        return [span for span in self.ours() if span.parent == of.id]

    def tree(self, of: Span) -> Any:
        """The span as `name`, or as `(name, [children …])`."""
        below = [self.tree(span) for span in self.children(of)]
        return (of.name, below) if below else of.name


def _span(span: Any, scope: str, service: str) -> Span:
    return Span(
        span.name, span.span_id.hex(), span.parent_span_id.hex(), span.trace_id.hex(), span.kind,
        span.status.code, scope, service, _facts(span.attributes), span.start_time_unix_nano,
        span.end_time_unix_nano,
    )  # fmt: skip


def _facts(attributes: Any) -> dict[str, Any]:
    return {each.key: _value(each.value) for each in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None
