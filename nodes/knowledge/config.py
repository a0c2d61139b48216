"""What a bot may look things up in, as bots.yaml describes it."""

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

_SELECT = re.compile(r"\s*(select|with)\b", re.IGNORECASE)
_URL = re.compile(r"sqlite:///.|postgres(ql)?://.|\$\{")
_HTTP = re.compile(r"https?://[^/\s]+|\$\{")
Pattern = Annotated[str, Field(min_length=1, max_length=1000)]


def _check_query(value: str) -> str:
    if not _SELECT.match(value):
        raise ValueError("must be one SELECT")
    return value.strip().removesuffix(";")


def _check_url(value: str) -> str:
    if not _URL.match(value):
        raise ValueError("must begin with sqlite:/// or postgresql:// (nothing is written to it)")
    return value


def _check_address(value: str) -> str:
    if not _HTTP.match(value):
        raise ValueError("must begin with http:// or https://")
    return value.rstrip("/")


class Config(BaseModel):
    """Part of what a bot knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Table(Config):
    """A query of the file's author; never one of a model. Each row is a passage."""

    url: Annotated[str, AfterValidator(_check_url)]
    query: Annotated[str, AfterValidator(_check_query)]
    timeout_s: Annotated[float, Field(gt=0, le=3600)] = Field(
        30.0, description="So long the query may take, in seconds."
    )
    refresh_s: Annotated[float, Field(ge=1, le=86_400)] = Field(
        300.0, description="So old the rows of a Postgres database may be, in seconds."
    )


class Embeddings(Config):
    """A model that turns passages and questions into vectors, so that meanings are compared too."""

    model: Annotated[str, Field(min_length=1, max_length=200)]
    base_url: Annotated[str, AfterValidator(_check_address)] | None = Field(
        None, description="An OpenAI-compatible server; without it the one of OPENAI_BASE_URL."
    )
    api_key: str | None = None
    timeout_s: Annotated[float, Field(gt=0, le=600)] = 30.0


class Knowledge(Config):
    """Documents and rows that the bot's answers rest on."""

    files: Pattern | list[Pattern] = Field(
        [], description="Markdown, text, HTML, PDF and CSV files, from the folder of bots.yaml."
    )
    sql: Table | None = None
    embeddings: Embeddings | None = None
    top: Annotated[int, Field(ge=1, le=50)] = Field(5, description="So many passages a turn.")

    @model_validator(mode="after")
    def _has_something(self) -> "Knowledge":
        if not self.files and not self.sql:
            raise ValueError("knowledge needs files or sql")
        return self

    @property
    def patterns(self) -> list[str]:
        return [self.files] if isinstance(self.files, str) else list(self.files)
