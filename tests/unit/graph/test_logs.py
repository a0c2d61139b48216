"""Log lines are JSON, carry their facts, and no configured secret."""

import json
import logging
import sys

from graph.logs import JsonFormatter


def written(secrets: list[str], message: str, **facts: object) -> str:
    record = logging.LogRecord("duologue", logging.INFO, "f", 1, message, (), None)
    vars(record).update(facts)
    return JsonFormatter(secrets).format(record)


def test_a_line_has_time_level_event_and_facts() -> None:
    line = json.loads(written([], "run started", conversation_id="c", run=1))
    assert line.pop("time").endswith("+00:00")
    assert line == {"level": "info", "event": "run started", "conversation_id": "c", "run": 1}


def test_secrets_become_stars_wherever_they_stand() -> None:
    line = written(["topsecret"], "got topsecret", where={"url": "http://a/?t=topsecret"})
    assert "topsecret" not in line
    assert line.count("***") == 2


def test_secrets_in_a_trace_become_stars() -> None:
    try:
        int("topsecret")
    except ValueError:
        record = logging.LogRecord("d", logging.ERROR, "f", 1, "broke", (), sys.exc_info())
    line = JsonFormatter(["topsecret"]).format(record)
    assert "topsecret" not in line
    assert "ValueError" in json.loads(line)["trace"]


def test_a_line_break_in_a_fact_stays_in_its_line() -> None:
    assert "\n" not in written([], "a\nb", cause="x\r\ny")
