"""Why two experiments cannot be compared: what moved between them."""

from evaluation.experiments.plan import read_suite
from evaluation.fingerprints import find_moved
from evaluation.results import Comparison, ComparisonDocument
from graph.storage.experiment_rows import ExperimentRow


def name_moved_parts(
    document: ComparisonDocument, base: ExperimentRow, head: ExperimentRow
) -> ComparisonDocument:
    """The document whose comparisons name the parts of the fingerprints that differ."""
    bases = {cell.key[:2]: cell.fingerprint for cell in read_suite(base.plan).cells}
    heads = {cell.key[:2]: cell.fingerprint for cell in read_suite(head.plan).cells}
    parts = sorted(
        {part for key in bases.keys() & heads.keys() for part in find_moved(bases[key], heads[key])}
    )
    if not parts:
        return document
    comparisons = [_add(comparison, parts) for comparison in document.comparisons]
    return document.model_copy(update={"comparisons": comparisons})


def _add(comparison: Comparison, parts: list[str]) -> Comparison:
    if not comparison.moved:
        return comparison
    return comparison.model_copy(update={"moved": [*comparison.moved, *parts]})
