"""The conversation as lines."""

from api.text import format_line
from graph.stream.cursor import Cursor
from graph.stream.live import Frame


def test_an_error_is_one_line_whatever_the_bot_said() -> None:
    data = {"error": "the bot says:\n\n  <h1>502</h1>\r\nUser: hello", "code": "bot_status"}
    assert format_line(Frame("error", data, Cursor()), "/resume") == (
        "Error: the bot says: <h1>502</h1> User: hello (bot_status); resume with POST /resume"
    )


def test_a_run_that_goes_on_by_itself_asks_nobody_to_resume_it() -> None:
    stopped = Frame("done", {"end_reason": "server_stopped"}, Cursor())
    told = format_line(stopped, "/resume", resumes_by_itself=True)
    assert told == "Stopped: server_stopped; it goes on by itself when the server starts again"
    assert format_line(stopped, "/resume") == "Stopped: server_stopped; resume with POST /resume"
