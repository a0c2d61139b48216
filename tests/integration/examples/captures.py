"""The commands in docs/api.md, run against a real server, and what they answered.

A capture is a block of `sh` with a block behind it that holds the answer. A comment before the pair
may say more:

    <!-- id: conversation_id -->      $ID is that member of the answer from here on
    <!-- until: completed -->         wait until $ID stands like that (and $CLIENT may see it)
    <!-- with: DUOLOGUE_X=value -->   on a server of its own with that setting

`python -m tests.integration.examples.captures` writes the answers anew where they are not true.
"""

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.integration.examples.server import Server, robot, serving
from tests.servers.process import ROOT, clean_environment
from tests.servers.wait import wait_until

DOCUMENT = ROOT / "docs" / "api.md"
BOTS = {"down": {**robot("http://127.0.0.1:9"), "name": "a bot that is down"}}
WIDTH = 100
_CAPTURE = re.compile(
    r"(?:<!-- (?P<how>[a-z]+): (?P<what>\S+) -->\n+)?```sh\n(?P<command>[^`]*)```\n\n"
    r"```(?P<form>json|http|text)\n(?P<answer>.*?)```",
    re.DOTALL,
)
_VARIES = [
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+(Z|\+00:00)"), "TIME"),
    (re.compile(r"(?<=date: )[^\r\n]+"), "DATE"),
    (re.compile(r"http://127\.0\.0\.1:\d{4,}"), "API"),
    (re.compile(r'"(latency_ms|took_ms)": ?\d+'), r'"\1": N'),
    (re.compile(r'"wait_s": ?[\d.]+'), '"wait_s": N'),
    (re.compile(r"again in [\d.]+ s"), "again in N s"),
    (re.compile(r'"(version|cursor|next)": ?"[^"]*"'), r'"\1": V'),
    (re.compile(r"content-length: \d+"), "content-length: N"),
    (
        re.compile(r"(?i)transfer-encoding: chunked"),
        "CHUNKED",
    ),  # httptools and h11 spell it so or so
]


@dataclass(frozen=True)
class Capture:
    """One command of the document, and what the document says it answers."""

    how: str
    what: str
    command: str
    form: str
    answer: str
    line: int
    span: tuple[int, int]


def captures(text: str) -> list[Capture]:
    found = []
    for match in _CAPTURE.finditer(text):
        line = text.count("\n", 0, match.start("command")) + 1
        facts = {name: value or "" for name, value in match.groupdict().items()}
        found.append(Capture(**facts, line=line, span=match.span("answer")))
    return found


def plain(answer: str) -> str:
    """An answer without what differs from day to day, and without layout."""
    for pattern, name in _VARIES:
        answer = pattern.sub(name, answer)
    return re.sub(r"\s+", "", answer)


def laid_out(value: Any, indent: str = "") -> str:
    """JSON, broken where a line would be too long."""
    flat = json.dumps(value, ensure_ascii=False)
    if len(indent) + len(flat) <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    deeper = indent + "  "
    if isinstance(value, list):
        items = [laid_out(item, deeper) for item in value]
    else:
        items = [f"{json.dumps(k)}: {laid_out(v, deeper)}" for k, v in value.items()]
    opens, closes = "[]" if isinstance(value, list) else "{}"
    inner = f",\n{deeper}".join(items)
    return f"{opens}\n{deeper}{inner}\n{indent}{closes}"


def shown(form: str, output: str) -> str:
    """The answer as the document shows it: JSON is laid out, all else is as it came."""
    output = output.replace("\r\n", "\n").rstrip("\n")
    head, gap, body = output.rpartition("\n\n") if form == "http" else ("", "", output)
    if form == "http" and not gap:
        head, gap, body = output, "", ""
    with suppress(ValueError):
        body = laid_out(json.loads(body))
    return f"{head}{gap}{body}\n"


class Runner:
    """Runs the captures in order; `$API` is the server, `$ID` what an earlier answer named."""

    def __init__(self, server: Server, folder: Path, others: AsyncExitStack) -> None:
        self._server = server
        self._folder = folder
        self._others = others
        self._urls: dict[str, str] = {}
        self._id = ""

    async def run(self, capture: Capture) -> str:
        if capture.how == "with":
            return shown(
                capture.form, await self._shell(capture.command, await self._with(capture))
            )
        if capture.how == "until":
            await wait_until(lambda: self._stands(capture.what), 20)
        output = await self._shell(capture.command, self._server.url)
        if capture.how == "id":
            self._id = json.loads(output[output.index("{") :])[capture.what]
        return shown(capture.form, output)

    async def _with(self, capture: Capture) -> str:
        """A server of its own with that setting, made once."""
        if capture.what not in self._urls:
            name, _, value = capture.what.partition("=")
            folder = Path(tempfile.mkdtemp(dir=self._folder))
            other = serving(folder, BOTS, **{name: value})
            self._urls[capture.what] = (await self._others.enter_async_context(other)).url
        return self._urls[capture.what]

    async def _stands(self, status: str) -> bool:
        rows = await self._server.ask("GET", "/api/conversations?limit=200")
        rows_of_lan = await self._server.ask("GET", "/api/conversations?limit=200&client_id=lan")
        both = rows["conversations"] + rows_of_lan["conversations"]
        return any(row["conversation_id"] == self._id and row["status"] == status for row in both)

    async def _shell(self, command: str, url: str) -> str:
        env = clean_environment({"API": url, "ID": self._id})
        process = await asyncio.create_subprocess_exec(
            "sh", "-c", command, env=env, cwd=self._folder,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        output, _ = await asyncio.wait_for(process.communicate(), 30)
        assert output.strip(), f"no answer to {command}"
        return output.decode("utf-8")


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Runner]:
    async with AsyncExitStack() as stack:
        server = serving(folder, BOTS, DUOLOGUE_DEMO_DELAY_S="0.5")
        yield Runner(await stack.enter_async_context(server), folder, stack)


async def written_anew(text: str, folder: Path) -> str:
    """The document with every answer true."""
    grown, at = "", 0
    async with running(folder) as runner:
        for capture in captures(text):
            answer = await runner.run(capture)
            same = plain(answer) == plain(capture.answer)
            grown += text[at : capture.span[0]] + (capture.answer if same else answer)
            at = capture.span[1]
    return grown + text[at:]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        text = asyncio.run(written_anew(DOCUMENT.read_text("utf-8"), Path(folder)))
    DOCUMENT.write_text(text, "utf-8")
    sys.stdout.write(f"{len(captures(text))} captures\n")


if __name__ == "__main__":
    main()
