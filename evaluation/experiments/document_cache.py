"""The documents of experiments: worked out once for an experiment that rests, and kept on disk."""

import logging
from asyncio import to_thread
from collections.abc import Awaitable, Callable

from pydantic import ValidationError

from core.errors import NotFound, StorageError
from core.version import VERSION
from evaluation.experiments.document import build_document, describe_experiment
from evaluation.experiments.trial_records import ReadMessages
from evaluation.results import ExperimentDocument
from graph.storage.experiment_rows import ExperimentRow
from graph.storage.opening import Storage

log = logging.getLogger("duologue.experiments")
KEPT_DOCUMENTS = 8
FindRow = Callable[[str], Awaitable[ExperimentRow]]


class DocumentCache:
    """Gives documents. `find_row` says how an experiment stands."""

    def __init__(self, storage: Storage, messages: ReadMessages, find_row: FindRow) -> None:
        self._storage, self._messages, self._find_row = storage, messages, find_row
        self._kept: dict[tuple[str, bool], tuple[str, ExperimentDocument]] = {}

    async def read(
        self, row: ExperimentRow, *, details: bool, lines: bool = False
    ) -> ExperimentDocument:
        """Everything that was found. Without `details` it comes from disk where it can."""
        if not lines and row.status != "running":
            found = await self._find(row, details=details)
            if found is not None:
                now = describe_experiment(row, found.experiment.exit_code)
                return found.model_copy(update={"experiment": now})
        made = await self.build(row, details=details, lines=lines)
        if not lines:
            await self.keep(row, made, details=details)
        return made

    async def build(
        self, row: ExperimentRow, *, details: bool, lines: bool = False
    ) -> ExperimentDocument:
        """The document, worked out of what is stored now."""
        base = await self._find_base(row)
        return await build_document(
            self._storage,
            row,
            self._messages,
            details=details,
            lines=lines,
            base=(base, await self.read(base, details=False)) if base else None,
        )

    async def keep(
        self, row: ExperimentRow, document: ExperimentDocument, *, details: bool = False
    ) -> None:
        """Keeps the document of `row`, unless it runs or has changed meanwhile."""
        if row.status == "running" or (await self._find_row(row.id)).revision != row.revision:
            return
        stamp = _stamp(row, await self._find_base(row))
        self._remember(row.id, stamp, document, details=details)
        if details or row.ended_at is None:
            return
        try:
            body = await to_thread(document.model_dump_json, exclude_defaults=True)
            await self._storage.experiments.keep_figures(row.id, stamp, body)
        except StorageError as error:  # they are worked out again
            log.warning("figures not kept", extra={"experiment_id": row.id, "why": error.message})

    async def _find(self, row: ExperimentRow, *, details: bool) -> ExperimentDocument | None:
        stamp = _stamp(row, await self._find_base(row))
        kept = self._kept.get((row.id, details))
        if kept is not None and kept[0] == stamp:
            return kept[1]
        body = None if details else await self._storage.experiments.read_figures(row.id, stamp)
        if body is None:
            return None
        try:
            document = await to_thread(ExperimentDocument.model_validate_json, body)
        except ValidationError:  # of another build of the same version
            return None
        self._remember(row.id, stamp, document, details=details)
        return document

    def _remember(
        self, id: str, stamp: str, document: ExperimentDocument, *, details: bool
    ) -> None:
        self._kept[id, details] = (stamp, document)
        while len(self._kept) > KEPT_DOCUMENTS:
            self._kept.pop(next(iter(self._kept)))

    async def _find_base(self, row: ExperimentRow) -> ExperimentRow | None:
        id = (row.judge or {}).get("baseline")
        if not id:
            return None
        try:
            return await self._find_row(id)
        except NotFound:  # deleted since
            return None


def _stamp(row: ExperimentRow, base: ExperimentRow | None) -> str:
    """What a document depends on: the program, the experiment, and what it is compared with."""
    return f"{VERSION} {row.revision} {base.id if base else None} {base.revision if base else 0}"
