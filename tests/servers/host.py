"""An aiohttp application on a port of 127.0.0.1 that can go down and come back."""

import socket

from aiohttp import web


def bound_socket(port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind(("127.0.0.1", port))
    return sock


def free_port() -> int:
    """A port that was free a moment ago."""
    with bound_socket(0) as sock:
        return int(sock.getsockname()[1])


class Host:
    """Serves `app`. `port` 0 means a free one; the number stays the same over outages.

    A second socket, bound but never listening, keeps the port ours while we refuse: the kernel
    answers connects with a reset and gives the port to nobody else.
    """

    def __init__(self, app: web.Application, port: int) -> None:
        self._held = bound_socket(port)
        self.port: int = self._held.getsockname()[1]
        self._runner = web.AppRunner(
            app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1
        )

    async def start(self) -> None:
        await self._runner.setup()
        await self.listen()

    async def listen(self) -> None:
        """Accept connections."""
        self._site = web.SockSite(self._runner, bound_socket(self.port))
        await self._site.start()

    async def refuse(self) -> None:
        """Refuse connections and reset those that are open, until `listen`."""
        await self._site.stop()
        server = self._runner.server
        for connection in list(server.connections) if server else ():
            if connection.transport is not None:
                connection.transport.abort()

    async def stop(self) -> None:
        await self.refuse()
        await self._runner.cleanup()
        self._held.close()
