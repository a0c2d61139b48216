"""A shop's bot behind Rasa's REST channel, played by its documentation."""

from typing import Any, Self

from aiohttp import web

from tests.servers.host import Host

SIZES = [
    {"title": f"Size {size}", "payload": f'/choose_size{{"size": "{size}"}}'} for size in "SML"
]
PICTURE = "https://shop.example/ao-len.png"


class ShopServer:
    """Offers three sizes, and knows one when its payload comes; `heard` are the messages."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        app = web.Application()
        app.router.add_post("/webhooks/rest/webhook", self._answer)
        app.router.add_get("/version", self._tell_version)
        self._host = Host(app, 0)

    async def __aenter__(self) -> Self:
        await self._host.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self._host.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._host.port}"

    async def _answer(self, request: web.Request) -> web.Response:
        asked = await request.json()
        self.heard.append(asked)
        said = [{"recipient_id": asked["sender"], **each} for each in self._say(asked["message"])]
        return web.json_response(said)

    def _say(self, message: str) -> list[dict[str, Any]]:
        if message.startswith("/choose_size"):
            return [{"text": f"Đã chọn {message[-3]}"}]
        return [{"text": "Bạn mặc size nào?", "buttons": SIZES}, {"image": PICTURE}]

    async def _tell_version(self, _request: web.Request) -> web.Response:
        return web.json_response({"version": "3.6.20"})
