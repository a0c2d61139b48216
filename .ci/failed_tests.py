"""Prints the tests that failed in the last run of pytest here, one a line."""

import json
from pathlib import Path

failed = Path(".pytest_cache/v/cache/lastfailed")
if failed.exists():
    print("\n".join(json.loads(failed.read_text("utf-8"))))  # noqa: T201
