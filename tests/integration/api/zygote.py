"""Starts server processes in a tenth of a second: imports once, then forks one for each order.

Each fork is a process like any other (own session, own files, killed by its own id); only the
three seconds of importing are spared. An order is a line of JSON on stdin, the answer the pid on
stdout; a fork's exit code is written to the file `code` in its folder, as Popen would tell it.
"""

import ctypes
import gc
import json
import os
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any

os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
PR_SET_PDEATHSIG = 1


def load() -> None:
    """Imports what a server needs; nothing of it starts a thread or reads the environment."""
    import aiohttp  # noqa: F401
    import uvicorn.lifespan.on
    import uvicorn.loops.uvloop
    import uvicorn.protocols.http.auto
    import uvicorn.protocols.websockets.auto  # noqa: F401

    import api.server
    import demo.server  # noqa: F401
    from core.settings import Settings

    # Routes are built when they are first needed: here once for all.
    api.server.create_app(Settings()).openapi()
    gc.collect()
    gc.freeze()


def be_server(order: dict[str, Any]) -> int:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    os.setsid()
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    for name, number in (("stdout", 1), ("stderr", 2)):
        os.dup2(os.open(Path(order["folder"]) / name, os.O_WRONLY | os.O_CREAT), number)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from api.server import serve
    from core.settings import Settings

    return serve(Settings.from_env(os.environ))


def fork(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        code = be_server(order)
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - whatever it is, the fork must end here
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def reap(folders: dict[int, Path]) -> None:
    while folders:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if not pid:
            return
        folder = folders.pop(pid)
        if folder.is_dir():
            told = folder / "code.part"
            told.write_text(str(os.waitstatus_to_exitcode(status)))
            told.rename(folder / "code")


def main() -> None:
    load()
    folders: dict[int, Path] = {}
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        readable, _, _ = select.select([sys.stdin], [], [], 0.01 if folders else 1.0)
        reap(folders)
        if not readable:
            continue
        line = sys.stdin.readline()
        if not line:
            return
        order = json.loads(line)
        began = time.monotonic()
        pid = fork(order)
        folders[pid] = Path(order["folder"])
        sys.stdout.write(json.dumps({"pid": pid, "took": time.monotonic() - began}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
