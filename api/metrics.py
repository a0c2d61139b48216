"""Figures for Prometheus, counted from what the runs report."""

from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60)


class Metrics:
    """One registry an app, so that two apps in a process do not share figures."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        registry = self.registry
        self.conversations = Gauge(
            "duologue_conversations", "Conversations by status", ["status"], registry=registry
        )
        self.open_runs = Gauge("duologue_open_runs", "RunService under way", registry=registry)
        self.open_streams = Gauge(
            "duologue_open_streams", "Event and text streams open", registry=registry
        )
        self.runs = Counter(
            "duologue_runs", "Runs ended", ["status", "end_reason"], registry=registry
        )
        self.turns = Counter("duologue_turns", "Bot turns finished", registry=registry)
        self.retries = Counter(
            "duologue_retries", "Calls tried again", ["where", "code"], registry=registry
        )
        self.errors = Counter(
            "duologue_errors", "Runs broken", ["where", "code"], registry=registry
        )
        self.refused = Counter(
            "duologue_refused_lines",
            "Lines of simulated users that were refused",
            ["kind", "persona", "model"],
            registry=registry,
        )
        self.refused_tokens = Counter(
            "duologue_refused_tokens",
            "Tokens that refused lines took, their prompts included",
            ["kind", "persona", "model"],
            registry=registry,
        )
        self.latency = Histogram(
            "duologue_latency_seconds",
            "Time a speaker took for a message",
            ["role"],
            buckets=_SECONDS,
            registry=registry,
        )

    def watch(self, what: str, _id: str, facts: dict[str, Any]) -> None:
        """What the runs report, counted."""
        if what == "message":
            self._message(facts)
        elif what == "retry":
            self.retries.labels(facts.get("where", ""), facts.get("code", "")).inc()
        elif what == "discarded":
            self._count_discarded(facts)
        elif what == "run_ended":
            self.runs.labels(facts["status"], facts["end_reason"] or "").inc()
            if error := facts.get("error"):
                self.errors.labels(error["where"], error["code"]).inc()

    def _message(self, facts: dict[str, Any]) -> None:
        if facts["origin"] == "bot":
            self.turns.inc()
        if facts.get("latency_ms") is not None:
            self.latency.labels(facts["role"]).observe(facts["latency_ms"] / 1000)

    def _count_discarded(self, facts: dict[str, Any]) -> None:
        names = [str(facts.get(name, "")) for name in ("kind", "persona", "model")]
        usage = facts.get("usage") or {}
        self.refused.labels(*names).inc()
        tokens = usage.get("input_tokens", 0) + usage.get("output_tokens", 0)
        self.refused_tokens.labels(*names).inc(tokens)

    def text(self, counts: dict[str, int], open_runs: int) -> bytes:
        """The exposition. Statuses that no conversation has are zero, not missing."""
        for status in ("created", "running", "waiting", "completed", "stopped", "interrupted"):
            self.conversations.labels(status).set(counts.get(status, 0))
        self.open_runs.set(open_runs)
        return generate_latest(self.registry)
