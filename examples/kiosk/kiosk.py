"""A bot of twenty lines: it takes an order for a drink. Plain Python, nothing of Duologue."""

from typing import Any

DRINKS = {"juice": 3, "milk": 2, "tea": 2}


def answer(text: str, conversation: Any) -> str:
    order = conversation.session
    found = [drink for drink in DRINKS if drink in text.lower()]
    if found:
        order["drink"] = found[0]
        return f"One {found[0]}, {DRINKS[found[0]]} dollars. Small or large?"
    if "drink" in order and ("small" in text.lower() or "large" in text.lower()):
        order["size"] = "large" if "large" in text.lower() else "small"
        return f"A {order['size']} {order['drink']}. Is that all?"
    if "size" in order:
        conversation.end()
        return f"Your {order['drink']} comes in a minute. Enjoy!"
    return f"Welcome! We have {', '.join(DRINKS)}. What would you like?"
