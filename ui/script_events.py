"""What our own scripts in the page send with an event."""

from typing import Any

import gradio as gr


def read_event_data(event: gr.EventData) -> dict[str, Any]:
    """The data of an event; empty if there is none. Gradio gives it by a private name alone."""
    return event._data or {}  # noqa: SLF001
