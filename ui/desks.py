"""The desks of this process, one a browser tab."""

from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from ui.desk import Desk
from ui.room import Hub
from ui.texts import Words


@dataclass
class Desks:
    """Desks by Gradio's session, which is a tab: a reload makes a new one."""

    hub: Hub
    words: Words
    fork_form: dict[str, Any] = field(default_factory=dict)
    _known: dict[str, Desk] = field(default_factory=dict)

    def of(self, request: gr.Request) -> Desk:
        session = str(request.session_hash)
        if session not in self._known:
            self._known[session] = Desk(self.hub, self.words)
        return self._known[session]

    def clear(self, request: gr.Request) -> None:
        """The tab is closed. What it watched goes on."""
        desk = self._known.pop(str(request.session_hash), None)
        if desk is not None:
            desk.close()
