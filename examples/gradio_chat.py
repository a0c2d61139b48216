"""A chat page in a few lines: Gradio, and the small chat API asked for plain text.

    python examples/gradio_chat.py [--server http://127.0.0.1:25050] [--bot 16] [--port 7860]

`Accept: text/plain` is all that it takes: the answer is the bot's reply and nothing else, piece by
piece. Read it in pieces, not in lines, which would hold the text back until a line ends. A server
with API keys wants one in the environment: DUOLOGUE_API_KEY. Needs gradio and httpx.

`pace` is for the demo robot, which otherwise answers in one piece; other bots take no notice.
"""

import argparse
import os
from collections.abc import Iterator

import httpx


class Chat:
    """One session with one bot."""

    def __init__(self, server: str, bot: str) -> None:
        key = os.environ.get("DUOLOGUE_API_KEY")
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        self.client = httpx.Client(base_url=server, headers=headers, timeout=120)
        bot_id = int(bot) if bot.isdecimal() else bot
        opened = self.client.post("/session", json={"bot_id": bot_id, "pace": "normal"})
        opened.raise_for_status()
        self.session_id = opened.json()["session_id"]

    def reply(self, message: str, _history: list | None = None) -> Iterator[str]:
        """The reply as far as it has come, again and again; Gradio shows the last."""
        said = ""
        body = {"session_id": self.session_id, "message": message}
        accept = {"Accept": "text/plain"}
        with self.client.stream("POST", "/chat/stream", json=body, headers=accept) as answer:
            if answer.status_code != 200:
                answer.read()
                yield f"Refused: {answer.json()['detail']}"
                return
            for piece in answer.iter_text():
                said += piece
                yield said


def main() -> None:
    import gradio as gr

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--server", default="http://127.0.0.1:25050")
    parser.add_argument("--bot", default="16")
    parser.add_argument("--port", type=int, default=7860)
    given = parser.parse_args()
    page = gr.ChatInterface(Chat(given.server, given.bot).reply, title="Duologue")
    page.launch(server_name="127.0.0.1", server_port=given.port)


if __name__ == "__main__":
    main()
