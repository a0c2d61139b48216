from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.spelling import explain, nearest


class Leaf(BaseModel):
    model_config = ConfigDict(extra="forbid")
    within: int = 1
    where: Literal["first", "last"] = "first"


class Root(BaseModel):
    model_config = ConfigDict(extra="forbid")
    checks: list[Annotated[Leaf, Field()]] = []
    by_name: dict[str, Leaf | int] = {}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        ({"chekcs": []}, "not permitted here; did you mean checks?"),
        ({"zzz": []}, "not permitted here; known are by_name, checks"),
        ({"checks": [{"witin": 2}]}, "not permitted here; did you mean within?"),
        ({"by_name": {"a": {"wher": "last"}}}, "not permitted here; did you mean where?"),
        ({"checks": [{"where": "frist"}]}, "should be 'first' or 'last'; did you mean first?"),
        ({"checks": [{"where": "x"}]}, "should be 'first' or 'last'"),
        ({"checks": [{"within": "x"}]}, "Input should be a valid integer"),
    ],
)
def test_a_mistake_is_told_with_the_nearest_known_word(data: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Root.model_validate(data)
    assert explain(Root, caught.value.errors()[0]).startswith(reason)


def test_nothing_near_is_no_guess() -> None:
    assert nearest("xyz", ["checks", "criteria"]) is None
    assert nearest("CRITERIA", ["checks", "criteria"]) == "criteria"
