"""The words of reports, in English and in Vietnamese, and how each writes numbers."""

from collections.abc import Callable
from typing import Literal

Language = Literal["en", "vi"]

TEXTS: dict[str, tuple[str, str]] = {
    # the verdict
    "met": ("Gate met", "Đạt ngưỡng"),
    "not_met": ("Gate not met", "Không đạt ngưỡng"),
    "undecided": ("Undecided", "Chưa kết luận"),
    "short_met": ("met", "đạt"),
    "short_not_met": ("not met", "không đạt"),
    "short_undecided": ("undecided", "chưa rõ"),
    "invalid": ("Invalid", "Không hợp lệ"),
    "unfinished": ("Not finished", "Chưa chạy xong"),
    "all_passed": ("All passed", "Tất cả đều đạt"),
    "some_failed": ("Some failed", "Có lượt không đạt"),
    "unjudged_title": ("Not all was judged", "Chưa chấm được hết"),
    "worse": ("Worse", "Kém hơn"),
    "not_worse": ("Not worse", "Không kém hơn"),
    "not_comparable": ("Not comparable", "Không so sánh được"),
    "exit_code": ("exit code {n}", "mã thoát {n}"),
    # outcomes
    "passed": ("passed", "đạt"),
    "failed": ("failed", "không đạt"),
    "unjudged": ("unjudged", "chưa chấm được"),
    "broken": ("broken", "hỏng"),
    "skipped": ("skipped", "bỏ qua"),
    "pending": ("pending", "chưa chạy"),
    "accepted": ("accepted", "chấp nhận"),
    "rejected": ("rejected", "loại"),
    "open": ("open", "chưa xong"),
    "undecided_cell": ("undecided", "chưa rõ"),
    # sections
    "report": ("Report", "Báo cáo"),
    "comparison": ("Comparison", "So sánh"),
    "bots": ("Bots", "Các bot"),
    "gate": ("Gate", "Ngưỡng đạt"),
    "changes": ("What changed", "Thay đổi"),
    "heat": ("Where it passes", "Đạt ở đâu"),
    "heat_lead": (
        "Trials that passed of those judged, per scenario and persona.",
        "Số lượt đạt trên số lượt được chấm, theo tình huống và nhân vật.",
    ),
    "intervals": ("How sure is it?", "Chắc chắn đến đâu?"),
    "intervals_lead": (
        "Dot: the rate. Bar: the 95 % interval, where the true rate plausibly lies.",
        "Chấm: tỷ lệ đạt. Vạch: khoảng tin cậy 95%, nơi tỷ lệ thật có thể nằm.",
    ),
    "asked": (
        "Dashed: the {required} that the gate asks for; dotted: the {floor} that must be sure.",
        "Nét đứt: mức yêu cầu {required}; nét chấm: mức phải chắc chắn {floor}.",
    ),
    "failures": ("What failed", "Những gì không đạt"),
    "errors": ("What broke", "Những gì bị hỏng"),
    "errors_lead": (
        "These trials say nothing about the bot's quality and are in no rate.",
        "Các lượt này không nói gì về chất lượng của bot và không tính vào tỷ lệ nào.",
    ),
    "unjudged_section": ("What could not be judged", "Những gì chưa chấm được"),
    "cost": ("Cost and latency", "Chi phí và độ trễ"),
    "notes": ("What these figures do not say", "Những điều các con số này không nói"),
    "all_trials": ("All trials", "Mọi lượt chạy"),
    # words
    "scenario": ("Scenario", "Tình huống"),
    "persona": ("Persona", "Nhân vật"),
    "bot": ("Bot", "Bot"),
    "version": ("version", "phiên bản"),
    "rate": ("Pass rate", "Tỷ lệ đạt"),
    "interval": ("95 % interval", "Khoảng tin cậy 95%"),
    "trials": ("trials", "lượt chạy"),
    "repeat": ("repeat {n}", "lần {n}"),
    "repeats": ("repeats", "các lần"),
    "of": ("{k} of {n}", "{k} trên {n}"),
    "failed_of": ("{k} of {n} failed", "{k} trên {n} không đạt"),
    "condition": ("Condition", "Điều kiện"),
    "pass_rate": ("Pass rate", "Tỷ lệ đạt"),
    "criterion": ("Criterion", "Tiêu chí"),
    "check": ("Check", "Phép kiểm tra"),
    "cells": ("Cells accepted", "Ô được chấp nhận"),
    "cells_accepted": ("cells accepted", "ô được chấp nhận"),
    "agreement": ("Agreement with people", "Đồng thuận với người"),
    "baseline": ("Against baseline", "So với mốc"),
    "requirement": ("Requirement", "Yêu cầu"),
    "always_passed": ("Requirements that always passed: {n}", "Yêu cầu luôn đạt: {n}"),
    "optional": ("reported only", "chỉ để tham khảo"),
    "against": ("{head} against {base}", "{head} so với {base}"),
    "before": ("before", "trước"),
    "after": ("after", "sau"),
    "pass_to_fail": ("passed, now fails", "đạt → không đạt"),
    "fail_to_pass": ("failed, now passes", "không đạt → đạt"),
    "worse_cell": ("less often", "kém hơn"),
    "better_cell": ("more often", "tốt hơn"),
    "no_flips": ("No cell flipped.", "Không ô nào đổi kết quả."),
    "other_changes": ("{n} smaller changes", "{n} thay đổi nhỏ hơn"),
    "by_scenario": ("By scenario", "Theo từng tình huống"),
    "adjusted": ("p, adjusted", "p đã hiệu chỉnh"),
    "difference": ("Difference", "Chênh lệch"),
    "points": ("points", "điểm %"),
    "only_base": ("Only in {name}: {list}", "Chỉ có trong {name}: {list}"),
    "flaky": ("flaky", "chập chờn"),
    "legend_all": ("all passed", "đạt hết"),
    "legend_none": ("none passed", "không lượt nào đạt"),
    "legend_flaky": ("≈ repeats differ", "≈ các lần lặp khác nhau"),
    "not_judged": ("not judged", "chưa chấm"),
    "not_run": ("not part of the suite", "không có trong bộ kiểm thử"),
    "user": ("User", "Người dùng"),
    "assistant": ("Bot", "Bot"),
    "turn": ("turn {n}", "lượt {n}"),
    "greeting": ("greeting", "lời chào"),
    "here": ("here", "tại đây"),
    "whole": ("Whole conversation", "Toàn bộ hội thoại"),
    "again": ("Run it again", "Chạy lại"),
    "again_short": ("again", "chạy lại"),
    "conversation": ("conversation", "hội thoại"),
    "other_repeats": ("Other failed repeats", "Các lần không đạt khác"),
    "parting": (
        "Repeats part at turn {n}, where the {who} says different things:",
        "Các lần lặp tách nhau ở lượt {n}, khi {who} nói khác nhau:",
    ),
    "who_user": ("user", "người dùng"),
    "who_assistant": ("bot", "bot"),
    "had_ended": ("(had ended)", "(đã kết thúc)"),
    "omitted": (
        "{n} further cells failed; the JSON report and the conversations have them all.",
        "Còn {n} ô không đạt; báo cáo JSON và các hội thoại có đầy đủ.",
    ),
    "lines_omitted": ("{n} lines", "{n} dòng"),
    "bot_cause": ("bot", "bot"),
    "simulator_cause": ("simulated user", "người dùng mô phỏng"),
    "model_cause": ("model", "mô hình"),
    "infrastructure_cause": ("infrastructure", "hạ tầng"),
    "cause": ("Cause", "Nguyên nhân"),
    "error": ("Error", "Lỗi"),
    "reason": ("Reason", "Lý do"),
    "replies": ("replies", "câu trả lời"),
    "median": ("median", "trung vị"),
    "slowest": ("slowest", "chậm nhất"),
    "p95": ("95 of 100 within", "95% trong vòng"),
    "first_words": ("First words after", "Phản hồi đầu tiên sau"),
    "trial_time": ("A trial takes", "Một lượt chạy mất"),
    "simulator": ("Simulated user", "Người dùng mô phỏng"),
    "judge": ("Judge", "Giám khảo"),
    "tokens_in": ("tokens in", "token vào"),
    "tokens_out": ("tokens out", "token ra"),
    "usd": ("USD", "USD"),
    "total": ("Total", "Tổng"),
    "unknown_price": ("price unknown", "chưa biết giá"),
    "no_tokens": ("No model was paid for.", "Không dùng mô hình trả phí nào."),
    "a_trial": ("a trial", "mỗi lượt"),
    "outcome": ("Outcome", "Kết quả"),
    "ended": ("ended", "kết thúc"),
    "started": ("started", "bắt đầu"),
    "took": ("took", "mất"),
    "made_by": ("Made by Duologue", "Do Duologue tạo"),
    "suite": ("Suite", "Bộ kiểm thử"),
    "experiment": ("Experiment", "Lần thử nghiệm"),
    "played_by": ("user played by {players}", "người dùng do {players} đóng"),
    "script": ("a script", "kịch bản"),
    "judged_by": ("judged by {models}", "chấm bởi {models}"),
    "canary_failed": (
        "The judge passed a transcript that it had to fail: its verdicts do not count.",
        "Giám khảo cho đạt một hội thoại lẽ ra phải đánh trượt: các chấm điểm của nó không tính.",
    ),
    "pass_power": (
        "pass^{k}: {share} chance that {k} conversations in a row all pass",
        "pass^{k}: {share} khả năng {k} hội thoại liên tiếp đều đạt",
    ),
    "reading": (
        (
            "A cell is the trials that differ only by repeat. Rates are means over cells; "
            "their intervals count the trials of one scenario together."
        ),
        (
            "Một ô gồm các lượt chạy chỉ khác nhau ở lần lặp. Tỷ lệ là trung bình các ô; "
            "khoảng tin cậy gộp các lượt của cùng một tình huống."
        ),
    ),
}


def translator(language: Language) -> Callable[..., str]:
    """A function from key (and what to fill in) to text."""
    place = 0 if language == "en" else 1

    def translate(key: str, **given: object) -> str:
        text = TEXTS[key][place]
        return text.format(**given) if given else text

    return translate


def write_percent(share: float | None, language: Language) -> str:
    """Whole percent; never 100 or 0 for what is only nearly so."""
    if share is None:
        return "–"
    whole = f"{round(100 * share)}"
    if (whole == "100" and share < 1) or (whole == "0" and share > 0):
        whole = f"{min(max(100 * share, 0.1), 99.9):.1f}"
    return f"{_decimal(whole, language)}{' ' if language == 'en' else ''}%"


def write_points(difference: float) -> str:
    """A difference of rates in points, with its sign."""
    whole = round(100 * difference)
    return f"{'+' if whole > 0 else '−' if whole < 0 else ''}{abs(whole)}"


def write_number(value: float | None, language: Language, digits: int = 0) -> str:
    if value is None:
        return "–"
    text = f"{value:,.{digits}f}"
    swap = str.maketrans(",.", ".,") if language == "vi" else str.maketrans(",", "\u202f")
    return text.translate(swap)


def write_seconds(seconds: float | None, language: Language) -> str:
    """`45 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds is None:
        return "–"
    if seconds < 10:
        return f"{_decimal(f'{seconds:.1f}', language)} {_UNITS[language][2]}"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = zip((hours, minutes, rest), _UNITS[language], strict=True)
    shown = [f"{value} {unit}" for value, unit in parts if value]
    return " ".join(shown[:2])


def write_milliseconds(value: float | None, language: Language) -> str:
    if value is None:
        return "–"
    if value >= 1000:
        return write_seconds(value / 1000, language)
    return f"{round(value)} ms"


def write_time(moment: str | None) -> str:
    """An ISO time to the minute; the zone is said."""
    return f"{moment[:10]} {moment[11:16]} UTC" if moment else "–"


_UNITS = {"en": ("h", "min", "s"), "vi": ("giờ", "phút", "giây")}


def _decimal(text: str, language: Language) -> str:
    return text.replace(".", ",") if language == "vi" else text
