"""What figures say in plain words, in English and in Vietnamese."""

from collections.abc import Sequence
from typing import NamedTuple

from evaluation.figures.comparison import Difference, chance_to_see
from evaluation.figures.gate import RateDecision
from evaluation.figures.rates import Estimate


class BilingualText(NamedTuple):
    """The same sentence in both languages."""

    en: str
    vi: str


NOTHING_SHARED = BilingualText(
    "Not comparable: no scenario was judged on both sides.",
    "Không so sánh được: không có tình huống nào được chấm ở cả hai bên.",
)


MOST_NAMES = 5
PARTS_VI = {
    "judge": "giám khảo",
    "prompts": "prompt của giám khảo",
    "criteria": "tiêu chí",
    "checks": "phép kiểm tra",
    "scenario": "tình huống",
    "persona": "nhân vật",
    "simulator": "người dùng mô phỏng",
}


def percent(share: float) -> str:
    """Whole percent; one decimal where rounding would claim all or nothing."""
    whole = round(100 * share)
    if (whole == 100 and share < 1) or (whole == 0 and share > 0):
        return f"{min(max(100 * share, 0.1), 99.9):.1f} %"
    return f"{whole} %"


def count_trials(count: int) -> str:
    return f"{count} trial" if count == 1 else f"{count} trials"


def points(difference: float) -> str:
    return f"{abs(round(100 * difference))}"


def describe_rate(estimate: Estimate | None, passed: int, judged: int) -> BilingualText:
    """A rate never stands alone."""
    if estimate is None:
        return BilingualText("Nothing was judged.", "Chưa có lượt chạy nào được chấm.")
    range_en = f"{percent(estimate.low)} to {percent(estimate.high)}"
    range_vi = f"{_vi(percent(estimate.low))} đến {_vi(percent(estimate.high))}"
    rate = percent(estimate.value)
    return BilingualText(
        f"{passed} of {count_trials(judged)} passed. The rate is {rate}; with these trials "
        f"anything from {range_en} is plausible.",
        f"{passed} trên {judged} lượt chạy đạt. Tỷ lệ đạt là {_vi(rate)}; với số lượt chạy này, "
        f"giá trị thật có thể nằm trong khoảng {range_vi}.",
    )


def describe_decisions(accepted: int, rejected: int, unknown: int) -> BilingualText:
    """Cells that stopped early: a decision each, no estimate."""
    total = accepted + rejected + unknown
    more_en = f", {unknown} undecided" if unknown else ""
    more_vi = f", {unknown} chưa kết luận" if unknown else ""
    return BilingualText(
        f"{accepted} of {total} cells accepted, {rejected} rejected{more_en}. Their trials stopped "
        "as soon as each was decided: a decision, not an estimate.",
        f"{accepted} trên {total} ô được chấp nhận, {rejected} bị loại{more_vi}. Mỗi ô dừng ngay "
        "khi đã rõ kết quả, nên đây là quyết định, không phải ước lượng.",
    )


def describe_gate(
    decision: RateDecision, required: float, tolerance: float, open_trials: int
) -> BilingualText:
    """One condition of the gate, with the reason for its answer."""
    if decision.value is None:
        return BilingualText(
            "Undecided: nothing was judged.", "Chưa kết luận: chưa có gì được chấm."
        )
    value, needed = percent(decision.value), percent(required)
    if decision.answer == "met":
        floor = percent(max(0.0, required - tolerance))
        return BilingualText(
            f"Met: {value}, at least {needed} asked for, and surely at least {floor}.",
            f"Đạt ngưỡng: {_vi(value)}, yêu cầu ít nhất {_vi(needed)}, "
            f"và chắc chắn không dưới {_vi(floor)}.",
        )
    if decision.answer == "not_met":
        return _describe_miss(decision, required)
    return _describe_doubt(decision, required, tolerance, open_trials)


def describe_cells_gate(decision: RateDecision, required: float) -> BilingualText:
    """The gate over cells that were decided by the sequential test."""
    if decision.value is None:
        return BilingualText(
            "Undecided: no cell was decided.", "Chưa kết luận: chưa ô nào có kết quả."
        )
    share, needed = percent(decision.value), percent(required)
    head = {"met": "Met", "not_met": "Not met", "undecided": "Undecided"}[decision.answer]
    vi = {"met": "Đạt ngưỡng", "not_met": "Không đạt ngưỡng", "undecided": "Chưa kết luận"}
    return BilingualText(
        f"{head}: {share} of the cells accepted, {needed} asked for.",
        f"{vi[decision.answer]}: {_vi(share)} số ô được chấp nhận, yêu cầu {_vi(needed)}.",
    )


def describe_difference(
    difference: Difference, base: str, pairs: int, repeats: float
) -> BilingualText:
    """What may be said of head against `base`, and what such an experiment could have seen."""
    size = points(difference.value)
    low, high = _sign(difference.low), _sign(difference.high)
    if difference.p_value <= 0.05 and size != "0":
        fewer = difference.value < 0
        return BilingualText(
            f"It passes {size} points {'less' if fewer else 'more'} often than {base} "
            f"(95 % interval {low} to {high}): more than chance explains.",
            f"Tỷ lệ đạt {'thấp' if fewer else 'cao'} hơn {size} điểm phần trăm so với {base} "
            f"(khoảng tin cậy 95%: {low} đến {high}): không thể chỉ do ngẫu nhiên.",
        )
    drop, chance = _visible_drop(difference)
    of_ten = min(9, round(10 * chance))
    trials = f"{pairs} × {repeats:g}" if repeats == round(repeats) else f"{pairs * repeats:.0f}"
    return BilingualText(
        f"The difference of {_sign(difference.value)} points to {base} may be chance: with these "
        f"{trials} trials you would see a drop of {drop:g} in {of_ten} runs of 10.",
        f"Chênh lệch {_sign(difference.value)} điểm phần trăm so với {base} có thể chỉ là ngẫu "
        f"nhiên: với {trials} lượt chạy này, mức giảm {_decimal(drop)} sẽ được phát hiện trong "
        f"{of_ten} trên 10 lần thử nghiệm.",
    )


def describe_decided_difference(
    base: str, accepted: tuple[int, int], pairs: int, *, by_chance: bool
) -> BilingualText:
    """Two sides whose trials stopped early: their decisions, since rates are no estimates."""
    before, after = accepted
    en = "which may be chance" if by_chance else "more than chance explains"
    vi = "có thể chỉ là ngẫu nhiên" if by_chance else "không thể chỉ do ngẫu nhiên"
    return BilingualText(
        f"{after} of {pairs} cells accepted, {before} of {pairs} of {base}: {en}. Trials stopped "
        "early, so there is no size of the difference.",
        f"{after} trên {pairs} ô được chấp nhận, {base} được {before} trên {pairs}: {vi}. Các ô "
        "dừng sớm nên không ước lượng được mức chênh lệch.",
    )


def describe_incomparable(parts: Sequence[str], scenarios: Sequence[str]) -> BilingualText:
    """What moved: parts of the fingerprint, and the scenarios in which they did."""
    where = ", ".join(scenarios[:MOST_NAMES]) + (" …" if len(scenarios) > MOST_NAMES else "")
    en, vi = ", ".join(parts), ", ".join(PARTS_VI.get(part, part) for part in parts)
    return BilingualText(
        f"Not comparable: what was measured has changed ({_join(en, ' of ', where)}).",
        f"Không so sánh được: nội dung đo đã thay đổi ({_join(vi, ' của ', where)}).",
    )


def _join(what: str, link: str, where: str) -> str:
    return f"{what}{link}{where}" if what and where else what or where


def describe_no_baseline(wanted: str) -> BilingualText:
    """Why a suite with a baseline was compared with nothing."""
    if wanted == "last-green":
        return BilingualText(
            "No experiment of this suite has ended with 0 here yet, so nothing was compared with "
            "a baseline.",
            "Ở đây chưa có lần chạy nào của bộ kiểm thử này kết thúc với mã 0, nên chưa so sánh "
            "được với mốc nào.",
        )
    return BilingualText(
        f"Nothing was compared with the baseline {wanted}: it is gone or has none of these bots.",
        f"Không so sánh được với mốc {wanted}: mốc này không còn hoặc không có bot nào giống.",
    )


def describe_broken(broken: int, ended: int, allowed: float) -> BilingualText:
    return BilingualText(
        f"Invalid: {broken} of {count_trials(ended)} broke, at most {percent(allowed)} may. They "
        "say nothing about the bot's quality; repair the cause and retry them.",
        f"Không hợp lệ: {broken} trên {ended} lượt chạy bị hỏng, chỉ cho phép tối đa "
        f"{_vi(percent(allowed))}. Các lượt này không nói gì về chất lượng của bot; hãy khắc phục "
        "nguyên nhân rồi chạy lại.",
    )


def describe_agreement(kappa: float | None, required: float) -> BilingualText:
    if kappa is None:
        return BilingualText(
            "Undecided: nobody has labelled these verdicts yet, so the judge is not calibrated.",
            "Chưa kết luận: chưa có ai gán nhãn, nên giám khảo chưa được hiệu chuẩn.",
        )
    return BilingualText(
        f"Undecided: people and the judge agree too little (kappa {kappa:.2f}, {required:g} asked "
        "for).",
        f"Chưa kết luận: giám khảo và người gán nhãn chưa đủ đồng thuận (kappa "
        f"{_decimal(round(kappa, 2))}, yêu cầu {_decimal(required)}).",
    )


def describe_tally(passed: int, failed: int, unjudged: int, total: int) -> BilingualText:
    if passed == total == 1:
        return BilingualText("The one trial passed.", "Lượt chạy duy nhất đạt.")
    if passed == total > 0:
        return BilingualText(f"All {total} trials passed.", f"Cả {total} lượt chạy đều đạt.")
    rest_en = f", {unjudged} could not be judged" if unjudged else ""
    rest_vi = f", {unjudged} không chấm được" if unjudged else ""
    return BilingualText(
        f"{passed} of {count_trials(total)} passed, {failed} failed{rest_en}.",
        f"{passed} trên {total} lượt chạy đạt, {failed} không đạt{rest_vi}.",
    )


def describe_luck(rate: float, repeats: int, required: float, chance: float) -> BilingualText:
    """What a fixed number of repeats lets through."""
    return BilingualText(
        f"A single cell proves little: with {repeats} repeats a bot that passes only "
        f"{percent(rate)} of the time reaches {percent(required)} in {percent(chance)} of cells.",
        f"Một ô riêng lẻ chưa nói lên nhiều: với {repeats} lần lặp, một bot chỉ đạt "
        f"{_vi(percent(rate))} vẫn chạm mức {_vi(percent(required))} ở {_vi(percent(chance))} "
        "số ô.",
    )


def describe_few_scenarios(scenarios: int) -> BilingualText:
    few = "One scenario is little" if scenarios == 1 else f"{scenarios} scenarios are few"
    return BilingualText(
        f"{few}: intervals are wide, and new scenarios narrow them more "
        "than further repeats of these do.",
        f"{scenarios} tình huống là ít: khoảng tin cậy còn rộng, và thêm tình huống mới có ích hơn "
        "là lặp lại các tình huống cũ.",
    )


# --- the parts ----------------------------------------------------------------------------------


def _describe_miss(decision: RateDecision, required: float) -> BilingualText:
    value, upper = percent(decision.value or 0), percent(decision.upper or 0)
    surely = (decision.upper or 0) < required
    en = f"surely at most {upper}" if surely else f"though up to {upper} is plausible"
    vi = "chắc chắn không quá" if surely else "dù giá trị thật có thể lên đến"
    return BilingualText(
        f"Not met: {value}, below the {percent(required)} asked for ({en}).",
        f"Không đạt ngưỡng: {_vi(value)}, thấp hơn mức yêu cầu {_vi(percent(required))} "
        f"({vi} {_vi(upper)}).",
    )


def _describe_doubt(
    decision: RateDecision, required: float, tolerance: float, open_trials: int
) -> BilingualText:
    value, needed = percent(decision.value or 0), percent(required)
    lower, floor = percent(decision.lower or 0), percent(max(0.0, required - tolerance))
    if not decision.more_trials:
        return BilingualText(
            f"Undecided: {value} so far, {needed} asked for; {count_trials(open_trials)} without "
            "a verdict could still change it.",
            f"Chưa kết luận: hiện đạt {_vi(value)}, yêu cầu {_vi(needed)}; còn {open_trials} lượt "
            "chạy chưa có kết quả có thể làm thay đổi.",
        )
    return BilingualText(
        f"Undecided: {value} is enough, but it may be as low as {lower}, and {floor} must be sure. "
        f"About {decision.more_trials} more {'trial' if decision.more_trials == 1 else 'trials'} "
        "would do, best in further scenarios.",
        f"Chưa kết luận: {_vi(value)} là đủ, nhưng giá trị thật có thể chỉ {_vi(lower)}, trong khi "
        f"phải chắc chắn từ {_vi(floor)}. Cần thêm khoảng {decision.more_trials} lượt chạy, "
        "tốt nhất là ở các tình huống khác.",
    )


def _visible_drop(difference: Difference) -> tuple[float, float]:
    """The smallest of a few drops that such an experiment sees more often than not, or the last."""
    drops = (0.05, 0.1, 0.2, 0.3, 0.5)
    chances = [(drop, chance_to_see(drop, difference)) for drop in drops]
    return next((pair for pair in chances if pair[1] >= 0.55), chances[-1])


def _sign(difference: float) -> str:
    whole = round(100 * difference)
    return f"{'+' if whole > 0 else '−' if whole < 0 else ''}{abs(whole)}"


def _vi(text: str) -> str:
    return text.replace(".", ",").replace(" %", "%")


def _decimal(value: float) -> str:
    return f"{value:g}".replace(".", ",")
