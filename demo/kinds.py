"""The demo robot as a kind of bot, and the scripted learner as a kind of user."""

from typing import Literal

from pydantic import Field

from core.errors import BotError
from core.scenario import BotId
from demo.pace import speak, wait_for_reader
from demo.scripted import ScriptedUser
from demo.server import API
from nodes.bots.config import BotConfig
from nodes.bots.kinds import BotKind, Toolbox, register_bot_kind
from nodes.bots.webhook import Webhook
from nodes.bots.webhook_config import WebhookBot
from nodes.calls.http import delete
from nodes.speakers.protocol import OnPiece, Reply, TurnRequest
from nodes.speakers.users import register_user_kind

DEMO_ID = 16
CARELESS_ID = "careless"


class DemoBot(BotConfig):
    """The English-lesson robot that ships with Duologue."""

    usual_memory = "replay"
    kind: Literal["demo"]
    lesson: BotId | None = Field(None, description="Whose lesson it teaches, if not its own id's.")
    careless: bool = Field(
        False,
        description="It praises wrong answers now and then, repeats itself, falls into English and "
        "forgets its unit; the scenario's seed, else the conversation, says when.",
    )


class DemoWebhook(Webhook):
    """The demo robot is ours, so what it keeps of a conversation can go with it."""

    async def reply(self, request: TurnRequest, piece: OnPiece) -> Reply:
        """It answers in one piece, which is told word by word where the scenario sets a pace."""
        await wait_for_reader(request.messages, request.scenario.pace)
        reply = await super().reply(request, piece)
        if len(reply.bubbles) == 1:
            await speak(reply.bubbles[0], request.scenario.pace, piece)
        return reply

    async def forget(self, conversation_id: str) -> None:
        await delete(self._http, f"{self.config.base_url}{API}/conversations/{conversation_id}")


def _make(config: DemoBot, _id: str, tools: Toolbox) -> DemoWebhook:
    url = tools.addresses.get("demo")
    if url is None:
        raise BotError("unreachable", "the demo bot does not run in this process", retryable=False)
    webhook = WebhookBot(
        kind="webhook",
        name=config.name or "demo bot",
        preset="robot-lesson",
        base_url=url,
        remote_bot_id=config.lesson,
        input_slots={"careless": True, "seed": "{{seed}}"} if config.careless else {},
    )
    return DemoWebhook(webhook, tools.http, tools.settings)


_BUILT_IN = {
    str(DEMO_ID): DemoBot(kind="demo", name="English lesson robot (demo)"),
    CARELESS_ID: DemoBot(
        kind="demo", name="Careless lesson robot (demo)", careless=True, lesson=DEMO_ID
    ),
}

register_bot_kind(BotKind(DemoBot, _make, built_in=_BUILT_IN))
register_user_kind("scripted", ScriptedUser)
