"""The conversation graph and all that runs it. What ships with Duologue registers itself here."""

import demo.kinds  # noqa: F401
