"""What `duologue label` says where a part of the command is missing."""

from argparse import Namespace

import pytest

from cli.labels import label
from core.errors import Invalid
from core.settings import Settings


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("no_praise", "pass"), "duologue label ID no_praise pass"),
        (("0f3a", "no_praise"), "duologue label 0f3a no_praise pass"),
    ],
)
def test_a_label_without_a_part_says_the_command_that_has_it(
    words: tuple[str, str], says: str
) -> None:
    conversation, criterion = words
    options = Namespace(
        conversation=conversation, criterion=criterion, status=None, remove=False, by="An"
    )
    with pytest.raises(Invalid) as caught:
        label(options, Settings())
    assert says in caught.value.message
    assert caught.value.field is None
