"""The reasons that checks give, in Vietnamese. They are stored in English, with the verdict."""

import re
from collections.abc import Callable

_WHO = {"bot": "bot", "user": "người dùng"}
_WHERE = {"first": "đầu", "last": "cuối"}
_LEFTOVER = {
    "a template variable": "biến của mẫu câu",
    "a placeholder": "chỗ giữ sẵn chưa điền",
    "a value that is missing": "giá trị bị thiếu",
    "a stack trace": "vết lỗi của chương trình",
    "a token of the model": "ký hiệu riêng của mô hình",
    "a speaker's name": "tên người nói",
    "an empty line": "câu rỗng",
    "raw JSON": "JSON thô",
}
_BOUNDS = {
    "at_least": "ít nhất",
    "at_most": "nhiều nhất",
    "equals": "bằng",
    "contains": "chứa",
}
_BOUND = rf"(?P<bound>{'|'.join(_BOUNDS)})"
_PLACE = r"(?P<place> in turn \d+| in the (?:first|last) line)?"
_PATTERNS = tuple(
    (re.compile(pattern, re.DOTALL), wording)
    for pattern, wording in (
        (r"the (?P<who>bot|user) said nothing" + _PLACE, "{who} không nói gì{place}"),
        (r"the (?P<who>bot|user) never says (?P<x>.+?)" + _PLACE, "{who} không hề nói {x}{place}"),
        (r"the bot does not offer (?P<x>.+?)" + _PLACE, "bot không đưa ra {x}{place}"),
        (r"the bot offers (?P<x>.+?)" + _PLACE, "bot đưa ra {x}{place}"),
        (
            r"the bot does not say (?P<x>.+) in (?P<n>\d+) replies after it",
            "bot không nói {x} trong {n} câu trả lời sau đó",
        ),
        (r"the bot does not say (?P<x>.+) after it", "bot không nói {x} sau đó"),
        (r"the bot says (?P<x>.+) after it", "bot nói {x} sau đó"),
        (
            r"the bot says (?P<x>.+) before the user says (?P<y>.+)",
            "bot nói {x} trước khi người dùng nói {y}",
        ),
        (
            r"the (?P<who>bot|user) does not say (?P<x>.+?)" + _PLACE,
            "{who} không nói {x}{place}",
        ),
        (r"the bot says (?P<x>.+?)" + _PLACE, "bot nói {x}{place}"),
        (
            r"the conversation ended before the bot could say (?P<x>.+)",
            "cuộc trò chuyện kết thúc trước khi bot kịp nói {x}",
        ),
        (r"the conversation has not ended", "cuộc trò chuyện chưa kết thúc"),
        (r"it ended with (?P<x>\w+), not with (?P<y>.+)", "kết thúc vì {x}, không phải vì {y}"),
        (r"nothing was said", "không ai nói gì"),
        (r"(?P<n>\d+) turns; wanted (?P<range>.+)", "{n} lượt; yêu cầu {range}"),
        (r"no reply was timed" + _PLACE, "không câu trả lời nào được đo thời gian{place}"),
        (
            r"(?P<times>.+ s); wanted (?P<name>\w+) at most (?P<limit>\S+ s)",
            "{times}; yêu cầu {name} không quá {limit}",
        ),
        (
            r"(?P<n>\d+) words in turn (?P<m>\d+); wanted (?P<range>.+)",
            "{n} từ ở lượt {m}; yêu cầu {range}",
        ),
        (r"the session has no (?P<x>.+)", "phiên không có {x}"),
        (
            r"the bot said no word that tells a language" + _PLACE,
            "bot không nói từ nào cho biết ngôn ngữ{place}",
        ),
        (
            r"(?P<n>\d+%) of (?P<m>\d+) telling words are (?P<x>\w+); wanted (?P<range>.+?)"
            + _PLACE,
            "{n} trong {m} từ cho biết ngôn ngữ là {x}; yêu cầu {range}{place}",
        ),
        (r"the (?P<who>bot|user) spoke (?P<n>\d+) times", "{who} nói {n} lần"),
        (r"turn (?P<n>\d+) repeats turn (?P<m>\d+)", "lượt {n} lặp lại lượt {m}"),
        (
            rf"(?P<leftover>{'|'.join(map(re.escape, _LEFTOVER))}) in turn (?P<n>\d+)",
            "{leftover} ở lượt {n}",
        ),
        (r"took more than (?P<limit>\S+) s", "chạy lâu hơn {limit} giây"),
        (
            r"(?P<x>\S+) is (?P<value>.+); wanted " + _BOUND + r" (?P<limit>.+)",
            "{x} là {value}; yêu cầu {bound} {limit}",
        ),
    )
)


def translate_reason(reason: str) -> str:
    """A check's reason in Vietnamese; one that no check of ours gives is left as it is."""
    for pattern, wording in _PATTERNS:
        found = pattern.fullmatch(reason)
        if found:
            groups = found.groupdict(default="")
            return wording.format(**{name: _translate(name, text) for name, text in groups.items()})
    return reason


def _translate(name: str, text: str) -> str:
    return _GROUPS[name](text) if name in _GROUPS and text else text


def _translate_place(text: str) -> str:
    *_, last = text.split()
    if last == "line":
        return f" ở câu {_WHERE[text.split()[-2]]}"
    return f" ở lượt {last}"


def _translate_range(text: str) -> str:
    text = text.replace("at least", "ít nhất").replace("at most", "nhiều nhất")
    return _write_decimals(text.replace(" and ", " và "))


def _write_decimals(text: str) -> str:
    """0.6 as 0,6; what only looks like a number, as 1.2.3, stays."""
    return _DECIMAL.sub(r"\1,\2", text)


_DECIMAL = re.compile(r"(?<![\w.,'\"])(\d+)\.(\d+)(?![\w.,'\"])")
_GROUPS: dict[str, Callable[[str], str]] = {
    "who": _WHO.__getitem__,
    "leftover": _LEFTOVER.__getitem__,
    "place": _translate_place,
    "range": _translate_range,
    "times": _write_decimals,
    "value": _write_decimals,
    "limit": _write_decimals,
    "bound": _BOUNDS.__getitem__,
}
