"""openevals' multi-turn simulation: a LangChain model as the user, the robot as the app."""

from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import uvloop
from langchain_openai import ChatOpenAI
from openevals.simulators import create_async_llm_simulated_user, run_multiturn_simulation_async

from bench.load import (
    INIT,
    SYSTEM,
    WEBHOOK,
    Options,
    Tally,
    options,
    raise_file_limit,
    tell,
    window,
)


async def talk(
    http: httpx.AsyncClient, model: ChatOpenAI, given: Options, tally: Tally, turns: int
) -> None:
    id = str(uuid4())
    opening = {"bot_id": 16, "conversation_id": id, "input_slots": {}}
    (await http.post(given.robot + INIT, json=opening)).raise_for_status()

    async def app(inputs: dict[str, Any], **_: Any) -> dict[str, Any]:
        body = {"conversation_id": id, "message": inputs["content"]}
        reply = (await http.post(given.robot + WEBHOOK, json=body)).json()["data"]["message"]
        tally.turn()
        return {"role": "assistant", "content": reply, "id": str(uuid4())}

    said = await run_multiturn_simulation_async(
        app=app,
        user=create_async_llm_simulated_user(system=SYSTEM, client=model),
        max_turns=turns,
        thread_id=id,
    )
    if len(said["trajectory"]) != 2 * turns:
        raise RuntimeError(f"{len(said['trajectory'])} messages, not {2 * turns}")


async def main(given: Options) -> None:
    model = ChatOpenAI(model="bench", base_url=f"{given.llm}/v1", api_key="bench")
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=None)
    async with httpx.AsyncClient(limits=limits, timeout=120) as http:
        tell(await window(partial(talk, http, model, given), given))


if __name__ == "__main__":
    raise_file_limit(10_000)
    uvloop.run(main(options(__doc__ or "")))
