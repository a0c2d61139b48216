"""What the figures for Prometheus count."""

from api.metrics import Metrics

REFUSED = {"kind": "as_an_ai", "persona": "shy", "model": "mock"}


def test_refused_lines_and_their_tokens_are_counted_by_kind_persona_and_model() -> None:
    metrics = Metrics()
    for usage in ({"input_tokens": 400, "output_tokens": 9}, {}):
        metrics.watch("discarded", "c", {**REFUSED, "usage": usage})
    text = metrics.text({}, 0).decode()
    labels = '{kind="as_an_ai",model="mock",persona="shy"}'
    assert f"duologue_refused_lines_total{labels} 2.0" in text
    assert f"duologue_refused_tokens_total{labels} 409.0" in text
