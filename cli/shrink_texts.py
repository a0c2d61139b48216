"""The words of `duologue shrink`, in English and in Vietnamese."""

from collections.abc import Callable

_TEXTS: dict[str, tuple[str, str]] = {
    "opening": (
        "Conversation {id} failed {name}; the user says {lines} lines",
        "Cuộc trò chuyện {id} không đạt {name}; người dùng nói {lines} câu",
    ),
    "estimate": (
        (
            "To be expected: {a} to {b} replays, {c} to {d} calls of the bot; more if it fails "
            "only now and then"
        ),
        (
            "Dự kiến: {a} đến {b} lần phát lại, {c} đến {d} lần gọi bot; nhiều hơn nếu lỗi "
            "lúc có lúc không"
        ),
    ),
    "ask": (
        "Each call of this bot causes something elsewhere. Replay? [y/N]",
        "Mỗi lần gọi bot này gây ra tác động ở nơi khác. Phát lại? [c/K]",
    ),
    "effects": (
        "the calls of this bot cause something elsewhere (side_effects); say --yes to replay them",
        "các lần gọi bot này gây tác động ở nơi khác (side_effects); thêm --yes để phát lại",
    ),
    "progress": (
        "  {lines} lines fail ({replays} replays, {calls} calls)",
        "  {lines} câu vẫn lỗi ({replays} lần phát lại, {calls} lần gọi)",
    ),
    "taken": (
        "{replays} replays, {calls} calls of the bot; {found} replays were there already",
        "{replays} lần phát lại, {calls} lần gọi bot; {found} lần đã có sẵn",
    ),
    "rate": (
        "It fails in {failed} of {measured} replays of the whole",
        "Lỗi xuất hiện ở {failed} trên {measured} lần phát lại toàn bộ",
    ),
    "not_reproduced": (
        "Replayed, it does not fail any more: nothing to shrink",
        "Phát lại thì không còn lỗi: không có gì để rút gọn",
    ),
    "capped": (
        "The cap is reached, and fewer lines may do; a higher --max-calls goes on from here",
        "Đã đến mức trần, có thể còn ngắn hơn; tăng --max-calls để làm tiếp từ đây",
    ),
    "interrupted": (
        "Interrupted, and fewer lines may do; go on with: duologue shrink {id}",
        "Bị gián đoạn, có thể còn ngắn hơn; làm tiếp: duologue shrink {id}",
    ),
    "found": (
        "{before} lines → {after}. The original, ▸ beside the turns that are needed:",
        "{before} câu → {after}. Bản gốc, ▸ bên cạnh các lượt cần thiết:",
    ),
    "shortest": ("The shortest ({id}):", "Bản ngắn nhất ({id}):"),
    "written": ("Scenario: {file}", "Tình huống: {file}"),
    "user": ("User", "Người dùng"),
    "assistant": ("Bot", "Bot"),
}


def speak(language: str) -> Callable[..., str]:
    """A function from a key, and what to fill in, to text."""
    place = 1 if language == "vi" else 0

    def say(key: str, **given: object) -> str:
        return _TEXTS[key][place].format(**given)

    return say
