"""Why two experiments cannot be compared: what moved between them."""

from evaluation.experiments.plan import read_suite
from evaluation.fingerprints import PARTS, find_moved
from graph.storage.experiment_rows import ExperimentRow


def find_moved_parts(base: ExperimentRow, head: ExperimentRow) -> list[str]:
    """The parts of the fingerprints that differ, over the cells that both have."""
    bases = {cell.key[:2]: cell.fingerprint for cell in read_suite(base.plan).cells}
    heads = {cell.key[:2]: cell.fingerprint for cell in read_suite(head.plan).cells}
    moved = {
        part for key in bases.keys() & heads.keys() for part in find_moved(bases[key], heads[key])
    }
    return [part for part in PARTS if part in moved]
