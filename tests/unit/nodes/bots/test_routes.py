"""By a proxy, with an authority and a certificate of one's own: real TLS on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection, serve

from core.errors import BotError
from core.settings import Settings
from nodes.bots.webhook_config import WebhookBot
from nodes.speakers.protocol import Bot
from nodes.speakers.readiness import missing_requirement
from nodes.speakers.registry import Speakers
from tests.servers.certificates import Authority
from tests.unit.nodes.desk import asks


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@asynccontextmanager
async def secure_server(context: ssl.SSLContext | None) -> AsyncIterator[str]:
    """A bot behind HTTPS, or behind HTTP; it says who calls."""

    async def answer(request: web.Request) -> web.Response:
        shown = request.transport.get_extra_info("peercert") if request.transport else None
        who = dict(pair[0] for pair in shown["subject"])["commonName"] if shown else "ai đó"
        return web.json_response({"text": f"Chào {who}"})

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context)
    await site.start()
    port = runner.addresses[0][1]
    yield f"{'https' if context else 'http'}://127.0.0.1:{port}"
    await runner.cleanup()


@asynccontextmanager
async def open_bot(folder: Path, text: str) -> AsyncIterator[tuple[Speakers, Bot]]:
    file = folder / "bots.yaml"
    file.write_text(f"bots:\n  x: {text}\n", "utf-8")
    speakers = Speakers(Settings.model_validate({"bots": file}))
    try:
        yield speakers, speakers.by_id("x")
    finally:
        await speakers.close()


def webhook(url: str, more: str = "") -> str:
    return f"{{kind: webhook, turn: {{url: '{url}/t', reply: text}}{more}}}"


async def read_reply(bot: Bot) -> list[str]:
    return [*(await bot.reply(asks(), lambda _: None)).bubbles]


async def test_an_authority_of_ones_own_is_trusted_and_only_where_it_is_named(
    authority: Authority, tmp_path: Path
) -> None:
    async with secure_server(authority.serve()) as url:
        async with open_bot(tmp_path, webhook(url, ", tls: {ca: ca.pem}")) as (_, bot):
            assert await read_reply(bot) == ["Chào ai đó"]
            assert "can be reached" in await bot.ping()
        async with open_bot(tmp_path, webhook(url)) as (_, bot):
            with pytest.raises(BotError, match="its certificate is not trusted") as caught:
                await read_reply(bot)
            assert (caught.value.kind, caught.value.transient) == ("unreachable", False)


async def test_a_client_certificate_is_shown_where_the_server_wants_it(
    authority: Authority, tmp_path: Path
) -> None:
    authority.issue("duologue")
    own = ", tls: {ca: ca.pem, certificate: duologue.pem, key: duologue.key}"
    async with secure_server(authority.serve(wants_client=True)) as url:
        async with open_bot(tmp_path, webhook(url, own)) as (_, bot):
            assert await read_reply(bot) == ["Chào duologue"]
        async with open_bot(tmp_path, webhook(url, ", tls: {ca: ca.pem}")) as (_, bot):
            with pytest.raises(BotError) as caught:
                await read_reply(bot)
            assert caught.value.kind == "unreachable"


async def test_a_websocket_takes_the_same_keys(authority: Authority, tmp_path: Path) -> None:
    async def talk(connection: ServerConnection) -> None:
        async for _ in connection:
            await connection.send('{"text": "Dạ", "done": true}')

    async with serve(talk, "127.0.0.1", 0, ssl=authority.serve()) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        turn = "turn: {send: {m: '{{message}}'}, reply: text, done: {done: true}}"
        config = f"{{kind: websocket, url: 'wss://127.0.0.1:{port}', {turn}, tls: {{ca: ca.pem}}}}"
        async with open_bot(tmp_path, config) as (_, bot):
            assert await read_reply(bot) == ["Dạ"]
        async with open_bot(tmp_path, config.replace(", tls: {ca: ca.pem}", "")) as (_, bot):
            with pytest.raises(BotError):
                await read_reply(bot)


class Proxy:
    """An HTTP proxy that tunnels with CONNECT and passes plain requests on."""

    def __init__(self, refusal: bytes = b"") -> None:
        self.heads: list[bytes] = []
        self._refusal = refusal

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        yield f"http://user:s3cret@127.0.0.1:{port}"
        server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self._refusal:
            writer.write(self._refusal)
            await writer.drain()
            writer.close()
            return
        host, _, port = head.split(b" ")[1].decode().partition(":")
        there = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        async with asyncio.TaskGroup() as pipes:
            pipes.create_task(_pipe(reader, there[1]))
            pipes.create_task(_pipe(there[0], writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while block := await reader.read(65536):
        writer.write(block)
    writer.close()


async def test_a_proxy_carries_the_call_and_its_password_shows_nowhere(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy()
    async with secure_server(authority.serve()) as url, proxy.listening() as way:
        monkeypatch.setenv("OFFICE_PROXY", way)
        more = ", tls: {ca: ca.pem}, proxy: '${OFFICE_PROXY}'"
        async with open_bot(tmp_path, webhook(url, more)) as (_, bot):
            assert await read_reply(bot) == ["Chào ai đó"]
    assert proxy.heads[0].startswith(f"CONNECT {url[8:]}".encode())
    assert b"Proxy-Authorization: Basic " in proxy.heads[0]


async def test_a_proxy_that_refuses_is_told_as_such(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    async with secure_server(authority.serve()) as url, proxy.listening() as way:
        monkeypatch.setenv("OFFICE_PROXY", way)
        async with open_bot(tmp_path, webhook(url, ", proxy: '${OFFICE_PROXY}'")) as (_, bot):
            with pytest.raises(BotError, match="the proxy answered HTTP 407") as caught:
                await read_reply(bot)
    assert caught.value.kind == "unreachable"
    assert "s3cret" not in caught.value.message


async def test_a_file_that_is_not_there_is_what_the_bot_lacks(tmp_path: Path) -> None:
    file = tmp_path / "bots.yaml"
    file.write_text(f"bots:\n  x: {webhook('https://x', ', tls: {ca: no.pem}')}\n", "utf-8")
    speakers = Speakers(Settings.model_validate({"bots": file}))
    assert "tls.ca: there is no file" in str(missing_requirement(speakers, "x"))
    with pytest.raises(BotError, match=r"ca no\.pem"):
        speakers.by_id("x")
    await speakers.close()


async def test_what_is_no_certificate_is_told_by_its_file(
    authority: Authority, tmp_path: Path
) -> None:
    (tmp_path / "bad.pem").write_text("nonsense")
    file = tmp_path / "bots.yaml"
    own = ", tls: {ca: ca.pem, certificate: bad.pem}"
    file.write_text(f"bots:\n  x: {webhook('https://x', own)}\n", "utf-8")
    speakers = Speakers(Settings.model_validate({"bots": file}))
    with pytest.raises(BotError, match=r"certificate bad\.pem"):
        speakers.by_id("x")
    await speakers.close()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"tls": {"key": "k.pem", "ca": "c.pem"}}, "no use without its certificate"),
        ({"tls": {}}, "give ca, certificate or both"),
        ({"proxy": "socks5://x"}, "must begin with http"),
    ],
)
def test_what_cannot_work_is_refused_at_load(more: dict[str, Any], why: str) -> None:
    given = {"kind": "webhook", "turn": {"url": "http://x/", "reply": "t"}, **more}
    with pytest.raises(ValidationError, match=why):
        WebhookBot.model_validate(given)
