"""What changed between two bots or two experiments: flips first."""

from reports.texts import write_points
from reports.trials import Data
from reports.wording import TONES, View, Wording, write_counts


def view_comparison(comparison: Data, words: Wording) -> View:
    base, head = comparison["base"], comparison["head"]
    earlier = comparison["kind"] == "baseline"
    flips = [
        change
        for change in comparison["changes"]
        if change["kind"] in ("pass_to_fail", "fail_to_pass")
    ]
    others = [change for change in comparison["changes"] if change["kind"] in ("worse", "better")]
    return {
        "title": words.say(
            "against",
            head=_name_side(head, words, earlier=False),
            base=_name_side(base, words, earlier=earlier),
        ),
        "answer": words.say(comparison["answer"]),
        "tone": TONES[comparison["answer"]],
        "sentence": words.sentence(comparison["sentence"]),
        "difference": _view_difference(comparison),
        "flips": [_view_change(change, words) for change in flips],
        "others": [_view_change(change, words) for change in others],
        "scenarios": [_view_scenario(one, words) for one in comparison["by_scenario"]],
        "missing": _view_missing(comparison, words, earlier=earlier),
    }


def _name_side(side: Data, words: Wording, *, earlier: bool) -> str:
    name = words.name("bot", side["bot"])
    if earlier:
        name = f"{name}, {side['name'] or side['experiment'][:8]}"
    return f"{name} ({side['version']})" if side["version"] else name


def _view_difference(comparison: Data) -> View | None:
    """Places on an axis from -100 to +100 points, in percent of its width."""
    if comparison["difference"] is None:
        return None
    value, low, high = (comparison[name] for name in ("difference", "low", "high"))
    low, high = max(-1.0, low), min(1.0, high)
    return {
        "text": write_points(value),
        "interval": f"{write_points(low)} … {write_points(high)}",
        "at": round(50 + 50 * value, 2),
        "from": round(50 + 50 * low, 2),
        "width": round(50 * (high - low), 2),
        "margin": round(50 - 50 * comparison["margin"], 2),
    }


def _view_change(change: Data, words: Wording) -> View:
    labels = {"worse": "worse_cell", "better": "better_cell"}
    down = change["kind"] in ("pass_to_fail", "worse")
    return {
        "place": words.place(change),
        "label": words.say(labels.get(change["kind"], change["kind"])),
        "tone": "bad" if down else "good",
        "sign": "↓" if down else "↑",
        "base": write_counts(change["base"]),
        "head": write_counts(change["head"]),
    }


def _view_scenario(one: Data, words: Wording) -> View:
    return {
        "name": words.name("scenario", one["scenario"]),
        "base": words.percent(one["base"]),
        "head": words.percent(one["head"]),
        "difference": write_points(one["difference"]),
        "adjusted": words.number(one["adjusted"], 3),
        "sure": one["adjusted"] <= 0.05,
    }


def _view_missing(comparison: Data, words: Wording, *, earlier: bool) -> list[str]:
    sides = (("base", comparison["only_in_base"]), ("head", comparison["only_in_head"]))
    return [
        words.say(
            "only_base",
            name=_name_side(comparison[side], words, earlier=earlier and side == "base"),
            list=", ".join(places),
        )
        for side, places in sides
        if places
    ]
