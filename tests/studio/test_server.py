"""A real `langgraph dev`, offline, driven through langgraph_sdk as any LangGraph client would."""

import aiohttp
import httpx
import pytest

from tests.servers.wait import wait_until
from tests.studio.dev import Dev, said, texts

pytestmark = [pytest.mark.asyncio(loop_scope="session"), pytest.mark.timeout(120)]

SCRIPTED = {"seat": "scripted"}
HUMAN = {"seat": "human"}
FIELDS = (
    "bot bot_prompt seat persona user_prompt first_speaker initial_message max_turns min_turns "
    "time_limit_s loop_limit model"
).split()


async def test_form_is_as_documented(dev: Dev) -> None:
    schemas = await dev.client.assistants.get_schemas(dev.graph)
    form = schemas["context_schema"]["properties"]
    assert list(form) == FIELDS
    assert all(field["description"] and "default" in field for field in form.values())
    assert all(field["langgraph_nodes"] for field in form.values())
    assert form["bot"]["enum"] == ["16", "17", "careless", "graph"]
    assert form["seat"]["enum"] == ["auto", "simulated", "scripted", "human"]
    prompts = [name for name, field in form.items() if field.get("langgraph_type") == "prompt"]
    assert prompts == ["bot_prompt", "user_prompt"]


async def test_input_and_output_are_narrow(dev: Dev) -> None:
    schemas = await dev.client.assistants.get_schemas(dev.graph)
    assert list(schemas["input_schema"]["properties"]) == ["messages"]
    assert list(schemas["output_schema"]["properties"]) == ["messages", "turn", "end_reason"]


async def test_messages_are_what_chat_mode_looks_for(dev: Dev) -> None:
    """Studio matches the schema that LangGraph's own MessagesState has."""
    schemas = await dev.client.assistants.get_schemas(dev.graph)
    for schema in (schemas["input_schema"], schemas["output_schema"], schemas["state_schema"]):
        lines = schema["properties"]["messages"]
        kinds = {kind["$ref"] for kind in lines["items"]["oneOf"]}
        assert (lines["type"], lines["title"]) == ("array", "Messages")
        assert {"#/$defs/HumanMessage", "#/$defs/AIMessage"} <= kinds


async def test_graph_is_as_documented(dev: Dev) -> None:
    graph = await dev.client.assistants.get_graph(dev.graph)
    nodes = {node["id"]: node.get("metadata", {}) for node in graph["nodes"]}
    assert set(nodes) == {"__start__", "open", "replay", "bot", "user", "__end__"}
    assert nodes["bot"] == {"speaker": "bot", "does": "one turn of the bot under test"}
    edges = {(edge["source"], edge["target"]) for edge in graph["edges"]}
    assert {("bot", "user"), ("user", "bot"), ("bot", "__end__"), ("user", "__end__")} <= edges
    assert ("bot", "replay") not in edges


async def test_run_streams_both_speakers(dev: Dev) -> None:
    modes = ["updates", "messages-tuple", "custom", "values", "events"]
    stream = dev.client.runs.stream(
        await dev.thread(), dev.graph, input={}, context={**SCRIPTED, "max_turns": 2},
        stream_mode=modes,
    )  # fmt: skip
    told = await said(stream)
    updates = [list(data) for event, data in told if event == "updates"]
    assert updates == [["open"], ["user"], ["bot"], ["user"], ["bot"]]
    spoken = [data[0] for event, data in told if event == "messages"]
    assert [(line["type"], line["id"]) for line in spoken] == [
        ("human", "0"), ("ai", "1"), ("human", "2"), ("ai", "3"),
    ]  # fmt: skip
    names = ["user", "lesson robot", "scripted learner", "lesson robot"]
    assert [line["name"] for line in spoken] == names
    lines = [data for event, data in told if event == "custom" and data["event"] == "message"]
    assert [(line["role"], line["turn"]) for line in lines] == [
        ("user", 1), ("assistant", 1), ("user", 2), ("assistant", 2),
    ]  # fmt: skip
    assert [line["text"] for line in lines] == [line["content"] for line in spoken]
    statuses = {data["status"] for _, data in told if isinstance(data, dict) and "status" in data}
    assert {"initializing", "initialized", "sending", "running"} <= statuses
    assert "events" in {event for event, _ in told}
    values = [data for event, data in told if event == "values"][-1]
    assert [line["content"] for line in values["messages"]] == [line["text"] for line in lines]
    assert (values["turn"], values["end_reason"]) == (2, "max_turns")


async def test_human_seat_interrupts_and_resumes(dev: Dev) -> None:
    thread = await dev.thread()
    setup = {**HUMAN, "max_turns": 2, "first_speaker": "user"}
    state = await dev.run(thread, setup)
    (interrupt,) = state["tasks"][0]["interrupts"]
    assert state["next"] == ["user"]
    assert interrupt["value"]["waiting_for"] == "a line from the person in the user's seat"
    assert interrupt["value"]["answer_with"] == {"content": "text"}
    state = await dev.run(thread, setup, command={"resume": {"content": "sẵn sàng"}})
    assert state["tasks"][0]["interrupts"][0]["value"]["bot_said"] == texts(state)[-1]
    state = await dev.run(thread, setup, command={"resume": "juice"})
    assert (state["next"], state["values"]["end_reason"]) == ([], "max_turns")
    assert [line["origin"] for line in state["values"]["messages"]] == ["human", "bot"] * 2


async def test_chat_mode_takes_a_line_a_run(dev: Dev) -> None:
    thread, line = await dev.thread(), {"type": "human", "content": "sẵn sàng"}
    await dev.run(thread, HUMAN, input={"messages": [line]})
    state = await dev.run(thread, HUMAN, input={"messages": [{**line, "content": "juice"}]})
    said_ = state["values"]["messages"]
    assert [(each["type"], each["turn"], each["origin"]) for each in said_] == [
        ("human", 1, "human"), ("ai", 1, "bot"), ("human", 2, "human"), ("ai", 2, "bot"),
    ]  # fmt: skip
    assert said_[2]["content"] == "juice"


async def test_history_lists_every_step(dev: Dev) -> None:
    thread = await dev.thread()
    await dev.run(thread, {**SCRIPTED, "max_turns": 3})
    history = await dev.client.threads.get_history(thread, limit=50)
    steps = [step["next"][0] if step["next"] else "" for step in reversed(history)]
    assert steps == ["__start__", "open", *["user", "bot"] * 3, ""]
    lengths = [len(step["values"].get("messages", [])) for step in reversed(history)]
    assert lengths == [0, 0, 0, 1, 2, 3, 4, 5, 6]


async def test_fork_goes_its_own_way(dev: Dev) -> None:
    thread = await dev.thread()
    first = await dev.run(thread, {**SCRIPTED, "max_turns": 4})
    middle = next(
        step
        for step in await dev.client.threads.get_history(thread, limit=50)
        if step["next"] == ["user"] and len(step["values"]["messages"]) == 4
    )
    await dev.client.runs.wait(
        thread, dev.graph, input=None, checkpoint_id=middle["checkpoint"]["checkpoint_id"],
        context={**HUMAN, "max_turns": 4},
    )  # fmt: skip
    forked = await dev.run(thread, {**HUMAN, "max_turns": 4}, command={"resume": "mình không biết"})
    assert texts(forked)[:4] == texts(first)[:4]
    assert texts(forked)[4:6] != texts(first)[4:6]
    # The robot was past the fork: it heard the first turns again, in a session of its own.
    before, after = first["values"]["session"], forked["values"]["session"]
    assert before["known_as"] == thread != after["known_as"]
    kept = await dev.client.threads.get_state(
        thread, checkpoint_id=first["checkpoint"]["checkpoint_id"]
    )
    assert texts(dict(kept)) == texts(first)


async def test_running_a_turn_anew_gives_the_same_reply(dev: Dev) -> None:
    """As if the robot had never heard the line before: not as a second answer in its lesson."""
    thread = await dev.thread()
    first = await dev.run(thread, {**SCRIPTED, "max_turns": 3})
    step = next(
        step
        for step in await dev.client.threads.get_history(thread, limit=50)
        if step["next"] == ["bot"] and len(step["values"]["messages"]) == 3
    )
    again = await dev.run(
        thread, {**SCRIPTED, "max_turns": 3}, input=None,
        checkpoint_id=step["checkpoint"]["checkpoint_id"],
    )  # fmt: skip
    assert texts(again) == texts(first)


async def test_edited_line_is_what_the_bot_hears(dev: Dev) -> None:
    thread = await dev.thread()
    await dev.run(thread, {**SCRIPTED, "max_turns": 2})
    step = next(
        step
        for step in await dev.client.threads.get_history(thread, limit=50)
        if step["next"] == ["bot"] and len(step["values"]["messages"]) == 3
    )
    *before, last = step["values"]["messages"]
    edited = await dev.client.threads.update_state(
        thread, {"messages": [*before, {**last, "content": "tạm biệt"}]},
        checkpoint_id=step["checkpoint"]["checkpoint_id"], as_node="user",
    )  # fmt: skip
    state = await dev.run(
        thread, {**SCRIPTED, "max_turns": 2}, input=None,
        checkpoint_id=edited["checkpoint"]["checkpoint_id"],
    )  # fmt: skip
    assert texts(state)[2] == "tạm biệt"
    assert len(texts(state)) == 4
    assert "tạm biệt" in texts(state)[3].lower()


async def test_assistants_are_ready_and_differ(dev: Dev) -> None:
    opened = []
    for name in ("(16)", "(17)"):
        thread = await dev.thread()
        await dev.client.runs.wait(
            thread, await dev.assistant(name), input={}, context={"max_turns": 1, **SCRIPTED}
        )
        opened.append((await dev.lines(thread))[1])
    assert opened[0] != opened[1]
    assert await dev.assistant("You talk to the bot")


async def test_run_can_be_cancelled_and_taken_up_again(dev: Dev) -> None:
    thread = await dev.thread()
    setup = {**SCRIPTED, "max_turns": 400}
    run = await dev.client.runs.create(thread, dev.graph, input={}, context=setup)

    async def under_way() -> bool:
        return bool((await dev.state(thread))["values"].get("turn", 0) > 3)

    await wait_until(under_way, 30)
    await dev.client.runs.cancel(thread, run["run_id"], wait=True)
    assert (await dev.client.threads.get(thread))["status"] != "busy"
    stopped = await dev.state(thread)
    assert 3 <= stopped["values"]["turn"] < 400
    assert stopped["next"]
    more = {**setup, "max_turns": stopped["values"]["turn"] + 2}
    state = await dev.run(thread, more, input=None)
    assert state["values"]["end_reason"] == "max_turns"
    assert texts(state)[: len(texts(stopped))] == texts(stopped)


async def test_what_cannot_be_played_is_told_in_words(dev: Dev) -> None:
    thread = await dev.thread()
    stream = dev.client.runs.stream(thread, dev.graph, input={}, context={"bot": "99"})
    errors = [data for event, data in await said(stream) if event == "error"]
    assert (
        "there is no bot with that id; configured are 16, 17, careless, graph"
        in errors[0]["message"]
    )


async def test_our_api_answers_on_the_same_port(dev: Dev) -> None:
    body = {"bot_id": 16, "user_prompt": "sẵn sàng", "max_turns": 2}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
        async with http.get(f"{dev.url}/health") as answer:
            assert (await answer.json())["database"] == "ok"
        async with http.post(f"{dev.url}/simulate", json=body) as answer:
            lines = (await answer.text()).splitlines()
            assert answer.content_type == "text/plain"
        async with http.get(f"{dev.url}/info") as answer:
            assert "langgraph_py_version" in await answer.json()
        async with http.post(f"{dev.url}/simulate", json={"bot_id": "none"}) as answer:
            assert answer.content_type == "application/problem+json"
    assert [line.split(":")[0] for line in lines if line] == ["User", "Bot"] * 2


async def test_bot_of_the_product_may_be_a_graph_there(dev: Dev) -> None:
    """Its lines are those that the demo bot behind the graph says to the same learner."""
    said_ = {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as http:
        for bot in (16, "graph"):
            body = {"bot_id": bot, "user_prompt": "", "max_turns": 3}
            async with http.post(f"{dev.url}/api/simulate", json=body) as answer:
                assert answer.status == 200, await answer.text()
                history = (await answer.json())["history"]
                said_[bot] = [line["content"] for line in history]
    assert len(said_[16]) == 6
    assert said_["graph"] == said_[16]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "https://smith.langchain.com.evil.example"}, 403),
        ({"Origin": "https://smith.langchain.com"}, 200),
        ({"Origin": "http://localhost:3000"}, 200),
    ],
)
async def test_langgraphs_own_paths_are_open_to_studio_and_to_no_foreign_page(
    dev: Dev, headers: dict[str, str], status: int
) -> None:
    async with httpx.AsyncClient(base_url=dev.url) as http:
        made = await http.post("/threads", json={}, headers=headers)
    assert made.status_code == status
