"""Which files a pattern means."""

from pathlib import Path

import pytest

from nodes.knowledge import finding
from nodes.knowledge.finding import TooManyFiles, find_files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a.md", "b.txt", "b.png", "sub/c.md", "sub/deep/d.md", ".git/e.md", "sub/.f.md"):
        file = tmp_path / "docs" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x", "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("docs/**", "a.md b.txt sub/c.md sub/deep/d.md"),
        ("docs/**/**", "a.md b.txt sub/c.md sub/deep/d.md"),
        ("./docs/**/*.md", "a.md sub/c.md sub/deep/d.md"),
        ("docs/*", "a.md b.txt"),
        ("docs/[ab].md", "a.md"),
        ("docs/*/?.md", "sub/c.md"),
        ("docs/a.md", "a.md"),
        ("docs/**/deep/../*.md", "sub/c.md"),
        ("docs/.git/*", ".git/e.md"),
        ("none/**", ""),
        ("docs", ""),
    ],
)
def test_patterns_are_read_as_shells_read_them(folder: Path, pattern: str, names: str) -> None:
    found = [path.resolve() for path in find_files(folder, [pattern])]
    assert sorted(str(path.relative_to(folder / "docs")) for path in found) == sorted(names.split())


def test_a_pattern_may_begin_anywhere(folder: Path) -> None:
    assert find_files(Path("/"), [f"{folder}/docs/*.md"]) == [folder / "docs" / "a.md"]
    assert len(find_files(folder / "docs" / "sub", ["../*.md"])) == 1


def test_links_in_a_circle_end(folder: Path) -> None:
    for name in ("one", "two", "sub/three", "sub/deep/four"):
        (folder / "docs" / name).symlink_to(folder / "docs", target_is_directory=True)
    (folder / "docs" / "self").symlink_to(folder / "docs" / "self")
    found = find_files(folder, ["docs/**"])
    assert [path.name for path in found] == ["a.md", "b.txt", "c.md", "d.md"]


def test_more_files_than_anybody_means_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "MOST_FILES", 3)
    with pytest.raises(TooManyFiles, match="more than 3"):
        find_files(folder, ["docs/**"])
