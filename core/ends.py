"""How conversations stand and why they end."""

from enum import StrEnum


class Status(StrEnum):
    """Where a conversation stands. Always written, never guessed from silence."""

    CREATED = "created"
    RUNNING = "running"
    WAITING = "waiting"
    COMPLETED = "completed"
    STOPPED = "stopped"
    INTERRUPTED = "interrupted"

    @property
    def ended(self) -> bool:
        return self in (Status.COMPLETED, Status.STOPPED)


class EndReason(StrEnum):
    """Why a conversation ended; the first one wins and is never overwritten."""

    MAX_TURNS = "max_turns"
    USER_DONE = "user_done"
    LINES_DONE = "lines_done"
    BOT_ENDED = "bot_ended"
    LOOP = "loop"
    TIME_LIMIT = "time_limit"
    COST_LIMIT = "cost_limit"
    STOPPED = "stopped"
    SIMULATOR_ERROR = "simulator_error"
    BOT_ERROR = "bot_error"
    SERVER_ERROR = "server_error"
    SERVER_STOPPED = "server_stopped"
