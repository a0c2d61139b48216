"""Writes golden.json with scipy, statsmodels, numpy and inspect_ai. See README.md."""

import itertools
import json
import random
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np  # type: ignore[import-not-found, unused-ignore]
from inspect_ai.scorer import (  # type: ignore[import-not-found, unused-ignore]
    SampleScore,
    Score,
    pass_k,
    stderr,
)
from scipy import stats  # type: ignore[import-not-found, unused-ignore]
from statsmodels.stats.multitest import (  # type: ignore[import-not-found, unused-ignore]
    multipletests,
)
from statsmodels.stats.proportion import (  # type: ignore[import-not-found, unused-ignore]
    confint_proportions_2indep,
)

FILE = Path(__file__).with_name("golden.json")
LIBRARIES = ("scipy", "statsmodels", "numpy", "inspect_ai")
Rows = list[dict[str, Any]]


def normal_quantiles() -> Rows:
    shares = (0.5, 0.9, 0.95, 0.975, 0.995)
    return [{"share": share, "value": float(stats.norm.ppf(share))} for share in shares]


def student_quantiles() -> Rows:
    places = itertools.product((0.9, 0.95, 0.975, 0.995), (1, 2, 3, 4.5, 9, 19, 99, 999, 20_000))
    return [
        {"share": share, "freedom": freedom, "value": float(stats.t.ppf(share, freedom))}
        for share, freedom in places
    ]


def wilson() -> Rows:
    rows = []
    for n in (1, 2, 5, 20, 100, 1000):
        for k in sorted({0, 1, n // 2, n - 1, n}):
            both = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
            least = stats.binomtest(k, n, alternative="greater").proportion_ci(0.95, "wilson")
            most = stats.binomtest(k, n, alternative="less").proportion_ci(0.95, "wilson")
            row = {"k": k, "n": n, "low": both.low, "high": both.high}
            rows.append({**row, "lower": least.low, "upper": most.high})
    return [{key: float(value) for key, value in row.items()} for row in rows]


def clustered_errors() -> Rows:
    source = random.Random(1)
    rows = []
    for clusters, each in ((2, 3), (5, 1), (8, 4), (20, 5)):
        values = [
            [f"s{cluster}", round(source.random(), 3)]
            for cluster in range(clusters)
            for _ in range(each + cluster % 2)
        ]
        scores = [
            SampleScore(score=Score(value=value), sample_metadata={"scenario": name})
            for name, value in values
        ]
        rows.append({"values": values, "error": float(stderr(cluster="scenario")(scores))})
    return rows


def pass_powers() -> Rows:
    rows = []
    for n, k in itertools.product((1, 3, 5, 10), (1, 2, 3, 5)):
        for passed in range(n + 1):
            if k <= n:
                scores = [Score(value=float(place < passed)) for place in range(n)]
                value = float(pass_k(k)(scores).as_float())
                rows.append({"passed": passed, "n": n, "k": k, "value": value})
    return rows


def sign_flips() -> Rows:
    source = random.Random(2)
    rows = []
    for count in (3, 6, 9, 12):
        values = [round(source.gauss(-0.1, 0.2), 2) for _ in range(count)]
        found = {
            name: stats.permutation_test(
                (np.array(values),),
                np.mean,
                permutation_type="samples",
                alternative=alternative,
                n_resamples=2**count,
            ).pvalue
            for name, alternative in (
                ("both", "two-sided"),
                ("greater", "greater"),
                ("less", "less"),
            )
        }
        rows.append({"values": values, **{key: float(value) for key, value in found.items()}})
    return rows


def fisher() -> Rows:
    tables = [
        (5, 5, 2, 5),
        (20, 20, 14, 20),
        (3, 4, 1, 7),
        (0, 5, 5, 5),
        (9, 10, 9, 10),
        (1, 30, 9, 25),
    ]
    return [
        {
            "table": table,
            "p_value": float(
                stats.fisher_exact(
                    [[table[0], table[1] - table[0]], [table[2], table[3] - table[2]]]
                ).pvalue
            ),
        }
        for table in tables
    ]


def holm() -> Rows:
    source = random.Random(3)
    rows = []
    for count in (1, 4, 12):
        found = [round(source.random() ** 3, 4) for _ in range(count)]
        rows.append(
            {"p_values": found, "adjusted": multipletests(found, method="holm")[1].tolist()}
        )
    return rows


def newcombe() -> Rows:
    rows = []
    for base, n, head, m in ((18, 20, 12, 20), (5, 5, 5, 5), (50, 100, 64, 100), (0, 10, 3, 12)):
        low, high = confint_proportions_2indep(head, m, base, n, method="newcomb", compare="diff")
        rows.append({"pair": [base, n, head, m], "low": float(low), "high": float(high)})
    return rows


def percentiles() -> Rows:
    source = random.Random(4)
    rows = []
    for count in (1, 2, 7, 100):
        values = [round(source.expovariate(1 / 300), 1) for _ in range(count)]
        found = {str(share): float(np.quantile(values, share)) for share in (0.5, 0.95, 1.0)}
        rows.append({"values": values, "quantiles": found})
    return rows


def binomial_tails() -> Rows:
    places = ((0.6, 5, 4), (0.9, 5, 5), (0.75, 20, 18))
    return [
        {"rate": rate, "n": n, "least": least, "value": float(stats.binom.sf(least - 1, n, rate))}
        for rate, n, least in places
    ]


def energy_distances() -> Rows:
    """In standard deviations of both samples together, as ours are."""
    source = random.Random(5)
    rows = []
    for n, m, shift in ((5, 5, 0.0), (20, 12, 0.5), (40, 40, 2.0)):
        one = [round(source.gauss(0, 1), 3) for _ in range(n)]
        other = [round(source.gauss(shift, 1.5), 3) for _ in range(m)]
        scale = np.std([*one, *other])
        value = float(stats.energy_distance(np.array(one) / scale, np.array(other) / scale))
        rows.append({"one": one, "other": other, "value": value})
    return rows


def main() -> None:
    makers = (
        normal_quantiles,
        student_quantiles,
        wilson,
        clustered_errors,
        pass_powers,
        sign_flips,
        fisher,
        holm,
        newcombe,
        percentiles,
        binomial_tails,
        energy_distances,
    )
    document = {
        "made_with": {name: version(name) for name in LIBRARIES},
        **{maker.__name__: maker() for maker in makers},
    }
    FILE.write_text(json.dumps(document, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
