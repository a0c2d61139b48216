import pytest

from evaluation.clean_talks import make_clean_talks
from evaluation.flaws import FLAWS, plant
from evaluation.transcripts import Transcript
from tests.unit.evaluation.talks import talk

CLEAN = make_clean_talks(6, 8)


def texts(transcript: Transcript) -> list[str]:
    return [one["content"] for one in transcript.messages]


def test_there_are_at_least_twelve_kinds() -> None:
    assert len(FLAWS) >= 12


@pytest.mark.parametrize("kind", FLAWS)
def test_a_flaw_changes_the_transcript_where_it_says(kind: str) -> None:
    for seed, clean in enumerate(CLEAN):
        before = texts(clean)
        planted = plant(kind, clean, seed)
        assert planted is not None
        after = texts(planted.transcript)
        assert after != before
        assert texts(clean) == before
        assert planted.places
        for place in planted.places:
            assert planted.transcript.messages[place]["role"] == "assistant"
            assert after[place] != before[place]


@pytest.mark.parametrize("kind", FLAWS)
def test_the_same_seed_plants_the_same_flaw_and_another_seed_another_place(kind: str) -> None:
    assert plant(kind, CLEAN[0], 3) == plant(kind, CLEAN[0], 3)
    places = {plant(kind, CLEAN[0], seed).places for seed in range(12)}  # type: ignore[union-attr]
    assert len(places) > 1 or kind == "repeated_reply"


@pytest.mark.parametrize("kind", FLAWS)
@pytest.mark.parametrize("lines", [(), ("U: a",), ("G: chào",), ("U: a", "B: b")])
def test_a_transcript_that_has_no_place_for_it_stays_clean(
    kind: str, lines: tuple[str, ...]
) -> None:
    planted = plant(kind, talk(*lines))
    assert planted is None or planted.transcript.messages != talk(*lines).messages


def test_clean_talks_are_the_same_each_time_and_differ_from_each_other() -> None:
    assert [texts(one) for one in make_clean_talks(6, 8)] == [texts(one) for one in CLEAN]
    assert len({tuple(texts(one)) for one in CLEAN}) == 6
