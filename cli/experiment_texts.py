"""The words of an experiment on a terminal, in English and in Vietnamese."""

from collections.abc import Callable

Say = Callable[..., str]

_TEXTS: dict[str, tuple[str, str]] = {
    "opening": (
        "Experiment {id}{name}: {suite}, {trials}",
        "Lần chạy {id}{name}: {suite}, {trials}",
    ),
    "plan": ("{name}: {trials} in {cells}", "{name}: {trials} trong {cells}"),
    "done": ("{done} of {trials}", "{done} trên {trials}"),
    "count": ("{n} {outcome}", "{n} {outcome}"),
    "left": ("about {time} left", "còn khoảng {time}"),
    "starting": ("Starting …", "Đang bắt đầu …"),
    "failed_in": (
        "Failed in {n} of {cells}, the worst first:",
        "Không đạt ở {n} trên {cells}, ô kém nhất đứng trước:",
    ),
    "flaky": (", flaky", ", chập chờn"),
    "more": (
        "and {n} more, see a report (--html FILE)",
        "còn {n} ô nữa, xem báo cáo (--html)",
    ),
    "again": ("again", "chạy lại"),
    "read": ("read: ", "đọc lại:"),
    "message": ("message {n}", "tin nhắn {n}"),
    "broken_lead": (
        "Broken: {trials} say nothing about quality",
        "Hỏng: {trials} không nói gì về chất lượng",
    ),
    "unjudged_lead": (
        "Not judged: {trials}, in no rate",
        "Chưa chấm được: {trials}, không tính vào tỷ lệ nào",
    ),
    "compared": ("Compared, {pair}: {sentence}", "So sánh {pair}: {sentence}"),
    "pass_to_fail": ("pass → fail", "đạt → không đạt"),
    "fail_to_pass": ("fail → pass", "không đạt → đạt"),
    "bot": ("Bot {bot}: {rate}{interval}", "Bot {bot}: {rate}{interval}"),
    "interval": (
        ", 95 % interval {low} to {high} %",
        ", khoảng tin cậy 95%: {low} đến {high}%",
    ),
    "note": ("Note: {note}", "Lưu ý: {note}"),
    "go_on": ("{status}{reason}; go on with: {command}", "{status}{reason}; chạy tiếp: {command}"),
    "no_rate": ("nothing judged", "chưa chấm được lượt nào"),
    "rate": ("{k} of {n} passed", "{k} trên {n} đạt"),
    "share": (" ({n} %)", " ({n}%)"),
    "report": ("Report: {file}", "Báo cáo: {file}"),
    "exit": ("Exit code {n}", "Mã thoát {n}"),
    "created": ("Created", "Chưa chạy"),
    "running": ("Running", "Đang chạy"),
    "paused": ("Paused", "Tạm dừng"),
    "stopped": ("Stopped", "Đã dừng"),
    "interrupted": ("Interrupted", "Bị gián đoạn"),
    "passed": ("passed", "đạt"),
    "failed": ("failed", "không đạt"),
    "unjudged": ("unjudged", "chưa chấm được"),
    "broken": ("broken", "hỏng"),
    "skipped": ("skipped", "bỏ qua"),
    "error": ("error", "lỗi"),
    "inconclusive": ("inconclusive", "không kết luận được"),
    "cause_bot": ("bot", "bot"),
    "cause_simulator": ("simulator", "người dùng mô phỏng"),
    "cause_model": ("model", "mô hình"),
    "cause_infrastructure": ("infrastructure", "hạ tầng"),
}
_COUNTED = {"trial": "lượt chạy", "cell": "ô"}
_UNITS = {"en": ("s", "min"), "vi": ("giây", "phút")}


def speak(language: str) -> Say:
    """A function from a key, and what to fill in, to text."""
    place = 1 if language == "vi" else 0

    def say(key: str, **given: object) -> str:
        return _TEXTS[key][place].format(**given)

    return say


def write_count(count: int, thing: str, language: str) -> str:
    """`1 trial`, `5 cells`; Vietnamese has one form."""
    if language == "vi":
        return f"{count} {_COUNTED[thing]}"
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def write_duration(seconds: float, language: str = "en") -> str:
    second, minute = _UNITS[language]
    if seconds >= 120:
        return f"{seconds / 60:.0f} {minute}"
    short = f"{seconds:.0f}" if seconds >= 10 else f"{seconds:.1f}"
    return f"{short.replace('.', ',') if language == 'vi' else short} {second}"
