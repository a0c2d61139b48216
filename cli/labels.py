"""`duologue label`: a person's verdict on one criterion or check of a trial."""

import getpass
import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from typing import get_args

from cli.experiment_store import ask
from cli.plain import use_utf8
from core.errors import Invalid
from core.settings import Settings
from evaluation.experiments.labels import delete_label, list_labels, put_label
from evaluation.experiments.service import ExperimentService
from evaluation.verdicts import Label


def label(options: Namespace, settings: Settings) -> int:
    """Stores or removes a label, or lists those of the conversation. Raises `Invalid`."""
    if options.criterion and not options.status and not options.remove:
        raise Invalid(_explain_missing_status(options))
    who = options.by or getpass.getuser()

    async def change(service: ExperimentService) -> Sequence[Label]:
        id = options.conversation
        if options.remove:
            await delete_label(service.storage, id, options.criterion, who)
        elif options.criterion:
            await put_label(
                service.storage, id, options.criterion, options.status, who, options.note
            )
        return await list_labels(service.storage, id)

    labels = ask(settings, change)
    out = use_utf8(sys.stdout)
    if options.json:
        data = [one.model_dump(mode="json") for one in labels]
        out.write(json.dumps(data, ensure_ascii=False, indent=2) + "\n")
        return 0
    for one in labels:
        out.write(f"{one.verdict_id}\t{one.status}\t{one.labeller}\t{one.note}\n")
    return 0


def _explain_missing_status(options: Namespace) -> str:
    if options.criterion in get_args(Label.model_fields["status"].annotation):
        return (
            f"{options.conversation} stands where the conversation's id belongs: "
            f"duologue label ID {options.conversation} {options.criterion}"
        )
    return (
        f"say what you find: duologue label {options.conversation} {options.criterion} pass "
        "(or fail, inconclusive, --remove)"
    )
