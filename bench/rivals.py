"""What others are measured with: an environment of their own, from a lock with hashes."""

import subprocess
import sys
from pathlib import Path

from bench.processes import BIN, ROOT

VENV = ROOT / ".venv-bench"
LOCK = ROOT / "requirements" / "bench.txt"


def environment() -> str | None:
    """The Python that has them; made if it is not there. None where that cannot be done."""
    python, stamp = VENV / "bin" / "python", VENV / ".made"
    if stamp.exists() and stamp.read_bytes() == LOCK.read_bytes():
        return str(python)
    try:
        _run([sys.executable, "-m", "venv", "--clear", str(VENV)])
        _install(python)
    except (subprocess.SubprocessError, OSError) as error:
        told = getattr(error, "stderr", None) or str(error).encode()
        last = told.decode(errors="replace").strip().splitlines()[-1:]
        print(f"without openevals and LangGraph's natural way: {' '.join(last)}", flush=True)
        return None
    stamp.write_bytes(LOCK.read_bytes())
    return str(python)


def _install(python: Path) -> None:
    """uv is quick but does not read pip's configuration; where it finds no registry, pip may."""
    asked = ["--quiet", "--require-hashes", "-r", str(LOCK)]
    uv = BIN / "uv"
    if uv.exists():
        try:
            _run([str(uv), "pip", "install", "--python", str(python), *asked])
        except subprocess.SubprocessError:
            pass
        else:
            return
    _run([str(python), "-m", "pip", "install", "--disable-pip-version-check", *asked])


def _run(argv: list[str]) -> None:
    subprocess.run(argv, cwd=ROOT, check=True, capture_output=True, timeout=300)
