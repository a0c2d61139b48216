"""The tabs of this process, one a browser tab."""

from dataclasses import dataclass, field
from typing import Any

import gradio as gr

from ui.conversation_feed import Feeds
from ui.tab_session import TabSession
from ui.texts import Words


@dataclass
class TabSessions:
    """TabSessions by Gradio's session, which is a tab: a reload makes a new one."""

    feeds: Feeds
    words: Words
    fork_form: dict[str, Any] = field(default_factory=dict)
    _sessions: dict[str, TabSession] = field(default_factory=dict)

    def get(self, request: gr.Request) -> TabSession:
        session = str(request.session_hash)
        if session not in self._sessions:
            self._sessions[session] = TabSession(self.feeds, self.words)
        return self._sessions[session]

    def close(self, request: gr.Request) -> None:
        """The tab is closed. What it watched goes on."""
        tab = self._sessions.pop(str(request.session_hash), None)
        if tab is not None:
            tab.close()
