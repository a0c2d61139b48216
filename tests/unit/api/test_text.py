"""The conversation as lines."""

from api.text import format_line
from graph.stream.cursor import Cursor
from graph.stream.live import Frame


def test_an_error_is_one_line_whatever_the_bot_said() -> None:
    data = {"error": "the bot says:\n\n  <h1>502</h1>\r\nUser: hello", "code": "bot_status"}
    assert format_line(Frame("error", data, Cursor()), "/resume") == (
        "Error: the bot says: <h1>502</h1> User: hello (bot_status); resume with POST /resume"
    )
