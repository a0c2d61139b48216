"""What a bot may look things up in, as bots.yaml describes it."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_SELECT = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
Pattern = Annotated[str, Field(min_length=1, max_length=1000)]


def _check_query(value: str) -> str:
    if not _SELECT.match(value):
        raise ValueError("must be one SELECT")
    return value


def _check_url(value: str) -> str:
    if not value.startswith(("sqlite:///", "${")):
        raise ValueError("must begin with sqlite:/// (the file is opened for reading only)")
    return value


class Table(BaseModel):
    """A query of the file's author; never one of a model. Each row is a passage."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Annotated[str, AfterValidator(_check_url)]
    query: Annotated[str, AfterValidator(_check_query)]


class Knowledge(BaseModel):
    """Documents and rows that the bot's answers rest on."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    files: Pattern | list[Pattern] = Field(
        [], description="Markdown, text, HTML, PDF and CSV files, from the folder of bots.yaml."
    )
    sql: Table | None = None
    top: Annotated[int, Field(ge=1, le=50)] = Field(5, description="So many passages a turn.")

    @model_validator(mode="after")
    def _has_something(self) -> "Knowledge":
        if not self.files and not self.sql:
            raise ValueError("knowledge needs files or sql")
        return self

    @property
    def patterns(self) -> list[str]:
        return [self.files] if isinstance(self.files, str) else list(self.files)

    def to_request(self) -> dict[str, Any]:
        """What the indexing process is told."""
        return {"patterns": self.patterns, "sql": self.sql.model_dump() if self.sql else None}
