"""Personal data is masked before it is stored, and hardly anything else is.

The planted data and the clean lines were written before the rules.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from evaluation.real_talks.personal import mask, mask_talk

DATA = Path(__file__).parents[3] / "data" / "personal"


class Planted(NamedTuple):
    kind: str
    value: str
    carrier: str

    @property
    def line(self) -> str:
        return self.carrier.format(self.value)

    @property
    def unmasked_parts(self) -> list[str]:
        """The words of the value that can be read once it is masked."""
        own = re.findall(r"\w+", self.carrier)
        words = (word for word in re.findall(r"\w+", self.value) if word not in own)
        out = mask(self.line)
        return [word for word in words if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", out)]


def list_planted() -> Iterator[Planted]:
    data = yaml.safe_load((DATA / "planted.yaml").read_text("utf-8"))
    for kind, of_kind in data.items():
        for value in of_kind["values"]:
            yield from (Planted(kind, value, carrier) for carrier in of_kind["carriers"])


def test_at_least_ninety_nine_in_a_hundred_planted_values_are_masked() -> None:
    planted = list(list_planted())
    assert len(planted) > 1000
    missed = [one for one in planted if one.unmasked_parts]
    assert len(missed) <= 0.01 * len(planted), [one.line for one in missed]


def test_at_most_one_in_a_hundred_clean_words_is_masked() -> None:
    lines = (DATA / "clean.txt").read_text("utf-8").splitlines()
    words = sum(len(line.split()) for line in lines)
    kept = sum(len(re.sub(r"<\w+>", "", mask(line)).split()) for line in lines)
    assert words > 900
    assert words - kept <= 0.01 * words, [line for line in lines if mask(line) != line]


def test_a_name_that_one_side_tells_is_masked_in_every_line_of_the_talk() -> None:
    masked, counts = mask_talk(["em tên là lan ạ", "Chào Lan! Hoa lan rất đẹp.", "dạ"])
    assert masked == ["em tên là <name> ạ", "Chào <name>! Hoa lan rất đẹp.", "dạ"]
    assert counts == {"name": 2}


def test_a_line_without_personal_data_stays_as_it_was_to_the_code_point() -> None:
    decomposed = "e\u0302\u0301 chào cô"
    assert mask(decomposed) == decomposed


@pytest.mark.parametrize(
    ("line", "masked"),
    [
        ("gọi 0901234567 hoặc mail a.b@c.vn", "gọi <phone> hoặc mail <email>"),
        ("thẻ 4111 1111 1111 1111 nha", "thẻ <card> nha"),
        ("cccd 079204012345", "cccd <identity>"),
        ("stk 0071000123456", "stk <number>"),
    ],
)
def test_what_was_masked_is_named_by_its_kind(line: str, masked: str) -> None:
    assert mask(line) == masked


@pytest.mark.parametrize(
    "text", ["1 " * 5000, "a@" * 5000, "Lan " * 5000, "không " * 5000, "(+" * 5000]
)
def test_a_hostile_line_is_masked_in_time_that_grows_with_its_length(text: str) -> None:
    assert isinstance(mask(text), str)
