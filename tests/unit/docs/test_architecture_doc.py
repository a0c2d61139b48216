"""docs/architecture.md names only what there is."""

import ast
import re

from tests.servers.process import ROOT

TEXT = (ROOT / "docs" / "architecture.md").read_text("utf-8")
NAMES = set(re.findall(r"`([A-Za-z_][\w.]*)(?:\([^`]*\))?`", TEXT))
SOURCES = [
    path
    for folder in ("core", "nodes", "demo", "graph", "api")
    for path in (ROOT / folder).rglob("*.py")
]


def members() -> dict[str, set[str]]:
    """The methods and fields of each class, and its own attributes."""
    found: dict[str, set[str]] = {}
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, set()).update(_names(node))
    return found


def _names(node: ast.ClassDef) -> set[str]:
    methods = {part.name for part in ast.walk(node) if hasattr(part, "name")}
    fields = {part.target.id for part in node.body if isinstance(part, ast.AnnAssign)}
    return methods | fields


def functions() -> set[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    trees = (ast.walk(ast.parse(path.read_text("utf-8"))) for path in SOURCES)
    return {node.name for tree in trees for node in tree if isinstance(node, kinds)}


def test_methods_exist() -> None:
    known = members()
    named = {name for name in NAMES if re.fullmatch(r"[A-Z]\w+\.\w+", name)}
    assert len(named) > 25
    wrong = {n for n in named if n.split(".")[1] not in known.get(n.split(".")[0], set())}
    assert wrong == set()


def test_functions_exist() -> None:
    listed = (
        "run_bot_turn run_user_turn _finish_turn find_end_reason attempts is_loop route_after_bot "
        "storage_error"
    )
    assert {name for name in listed.split() if name not in NAMES} == set()
    assert set(listed.split()) - functions() == set()


def test_files_exist() -> None:
    files = set(re.findall(r"`((?:core|nodes|demo|graph|api)/[\w/]+\.py)`", TEXT))
    assert len(files) > 8
    assert {name for name in files if not (ROOT / name).exists()} == set()
