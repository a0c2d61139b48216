"""The port to listen on. Nothing here is slow to import."""

import socket

from core.errors import ConfigError


def bind_port(host: str, port: int) -> socket.socket:
    """The listening socket. Raises `ConfigError` where the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(2048)
    except (OSError, OverflowError) as error:
        listener.close()
        why = getattr(error, "strerror", None) or "there is no such port"
        other = port + 1 if 0 < port < 65535 else 25051
        reason = f"{host}:{port} cannot be used: {why}; set another port, as in --port {other}"
        raise ConfigError(reason, key="DUOLOGUE_PORT") from error
    return listener
