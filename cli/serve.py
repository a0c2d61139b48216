"""`duologue serve`: the API and the page."""

from argparse import Namespace

from core.settings import Settings


def serve(_options: Namespace, settings: Settings) -> int:
    """Serves until it is told to stop; gives the exit code."""
    from api.server import serve

    return serve(settings)
