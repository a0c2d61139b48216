"""pyproject.toml: the base is small, and brings whatever the product imports."""

import ast
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.servers.process import ROOT

PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
BASE = PYPROJECT["project"]["dependencies"]
EXTRAS = PYPROJECT["project"]["optional-dependencies"]
OURS = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]


def test_the_base_has_sixteen_libraries_at_most() -> None:
    assert len(BASE) <= 16


def test_all_that_is_imported_comes_with_the_base_or_an_extra() -> None:
    listed = [Requirement(line) for lines in (BASE, *EXTRAS.values()) for line in lines]
    brought = collect_requirements(listed) | {"pytest"}  # which loads its plugin itself
    names = packages_distributions()
    lacking = {
        f"{module} ({file})"
        for file, module in find_imports()
        if not brought & {canonicalize_name(name) for name in names.get(module, [module])}
    }
    assert lacking == set()


def collect_requirements(wanted: list[Requirement]) -> set[str]:
    """The names of these libraries and of all that they require in any case, here and now."""
    found = set[str]()
    while wanted:
        one = wanted.pop()
        name = canonicalize_name(one.name)
        if name in found or (one.marker and not one.marker.evaluate({"extra": ""})):
            continue
        found.add(name)
        if name in INSTALLED:
            wanted += map(Requirement, requires(one.name) or [])
    return found


INSTALLED = {
    canonicalize_name(name) for names in packages_distributions().values() for name in names
}


def find_imports() -> Iterator[tuple[str, str]]:
    """A file of the product and the foreign package that it imports."""
    for folder in OURS:
        for file in sorted((ROOT / folder).rglob("*.py")):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                for name in list_modules(node):
                    top = name.partition(".")[0]
                    if top not in sys.stdlib_module_names and not (ROOT / top).exists():
                        yield str(file.relative_to(ROOT)), top


def list_modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return (
        [node.module] if isinstance(node, ast.ImportFrom) and node.module and not node.level else []
    )
