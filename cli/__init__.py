"""The `duologue` command."""

import os

# LangGraph reads this once, when it is first imported, and by default makes any class that a
# checkpoint names. Whoever imports something of `cli` has come this way first.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"
