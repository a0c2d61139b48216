"""Scripts and style, which lie beside the modules."""

from pathlib import Path

_HERE = Path(__file__).parent


def load_script(name: str) -> str:
    return (_HERE / f"{name}.js").read_text(encoding="utf-8")


def load_style() -> str:
    return (_HERE / "style.css").read_text(encoding="utf-8")
