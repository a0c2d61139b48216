"""What users did over an experiment, and second opinions, against real servers and a database."""

from pathlib import Path
from typing import Any

import pytest

from core.errors import ConfigError, NotFound
from evaluation.cells import ResolvedSuite
from evaluation.experiments.changes import delete, rejudge
from evaluation.project import Project
from evaluation.resolve import load_suite
from reports.markdown import render_experiment
from tests.integration.evaluation.lab import Lab, run, trials
from tests.servers.llm import LlmServer
from tests.servers.robot import RobotServer

APPLE = {
    "name": "Apple",
    "persona": "lan",
    "max_turns": 2,
    "checks": [{"user_says": "quả táo"}],
}
LAN = {
    "name": "Lan",
    "goal": "Learn words for fruit.",
    "language": "Vietnamese",
    "aims": [
        {"aim": "says apple", "user_says": ["quả táo"]},
        {"aim": "says mango", "user_says": ["quả xoài"]},
    ],
}


class UserLab(Lab):
    """A lab whose users are played by two models."""

    def __init__(self, folder: Path, robot: RobotServer, llm: LlmServer) -> None:
        super().__init__(folder, robot.url)
        (folder / "scenarios/greets.yaml").unlink()
        self.scenario("apple", **APPLE)
        self.write("personas/lan.yaml", LAN)
        self.models = {
            "model": "usual-user",
            "openai_base_url": llm.base_url,
            "model_timeout_s": 60.0,
            "turn_timeout_s": 60.0,
            "init_timeout_s": 60.0,
            "attempts_total_s": 120.0,
        }

    def resolve(self, **facts: Any) -> ResolvedSuite:
        given = {"name": "Fruit", "scenarios": ["scenarios/*.yaml"], "bots": ["16"], **facts}
        path = self.write("suites/fruit.yaml", given)
        return load_suite(path, Project.open(self.settings(**self.models), self.folder))


@pytest.fixture
def lab(tmp_path: Path, robot: RobotServer, llm: LlmServer) -> UserLab:
    llm.fail("text", text="con nghĩ là quả táo", contains="usual-user")
    llm.fail("text", text="con nghĩ là quả cam", contains="other-user")
    return UserLab(tmp_path, robot, llm)


SECOND = {"share": 1, "user_model": "other-user"}


async def test_a_second_opinion_replays_trials_with_another_user_model_and_names_flips(
    lab: UserLab,
) -> None:
    async with lab.open(**lab.models) as service:
        row = await run(service, lab.resolve(repeats=2, second_opinion=SECOND))
        document = await service.document(row.id)
        figures = document.figures.second_opinion
        assert figures is not None
        assert (figures.model, figures.replayed, figures.compared) == ("other-user", 2, 2)
        assert [(one.first, one.second) for one in figures.flips] == [("passed", "failed")] * 2
        replayed = await service.runs.messages(figures.flips[0].conversation_id)
        assert replayed[0]["content"] == "con nghĩ là quả cam"
        assert replayed[0]["model"] == "other-user"
        # The gate and all rates are those of the usual user.
        assert document.figures.tally.passed == document.figures.tally.total == 2
        (note,) = [one.en for one in document.figures.notes if "Second opinion" in one.en]
        assert "2 of 2 replayed trials came out otherwise" in note
        assert "Second opinion" in render_experiment(document.model_dump(mode="json"))
        brief = await service.document(row.id, details=False)
        assert brief.figures.second_opinion == figures


async def test_a_deleted_replay_is_named_nowhere_and_goes_with_its_experiment(
    lab: UserLab,
) -> None:
    async with lab.open(**lab.models) as service:
        row = await run(service, lab.resolve(repeats=2, second_opinion=SECOND))
        first, other = [one.second_opinion for one in (await service.document(row.id)).trials]
        assert first
        assert first.conversation_id
        await service.runs.delete(first.conversation_id)
        document = await service.document(row.id)
        assert first.conversation_id not in document.model_dump_json()
        assert document.figures.second_opinion
        assert document.figures.second_opinion.replayed == 2
        assert "Second opinion" in render_experiment(document.model_dump(mode="json"))
        await delete(service, row.id)
        assert other
        with pytest.raises(NotFound):
            await service.runs.get(other.conversation_id or "")


async def test_what_was_replayed_is_paid_for(lab: UserLab) -> None:
    async with lab.open(**lab.models) as service:
        alone = await run(service, lab.resolve())
        twice = await run(service, lab.resolve(second_opinion=SECOND))
        cost = [(await service.document(one.id)).figures.cost for one in (alone, twice)]
        spent = [one.by_party["simulator"].output_tokens for one in cost]
        assert spent[1] == 2 * spent[0] > 0


async def test_an_experiment_adds_up_aims_reached_and_lines_refused(
    lab: UserLab, llm: LlmServer
) -> None:
    llm.faults.clear()
    llm.fail("text", text="As an AI language model, I cannot eat.", times=2)
    llm.fail("text", text="con nghĩ là quả táo", contains="usual-user")
    async with lab.open(**lab.models) as service:
        row = await run(service, lab.resolve(repeats=2, concurrency=1))
        (users,) = (await service.document(row.id)).figures.users
        assert users.aims == {"says apple": 2, "says mango": 0}
        assert users.refused == {"as_an_ai": 2}
        assert users.refused_tokens > 0
        assert (users.persona, users.trials, users.lines) == ("lan", 2, 4)
        records = [(await service.document(row.id)).trials][0]
        assert sum(sum(one.user.refused.values()) for one in records if one.user) == 2


async def test_a_trial_that_is_assessed_again_is_not_replayed_again(
    lab: UserLab, robot: RobotServer
) -> None:
    async with lab.open(**lab.models) as service:
        row = await run(service, lab.resolve(second_opinion=SECOND))
        calls = len(robot.calls)
        (before,) = await trials(service, row.id)
        await rejudge(service, row.id)
        await service.wait(row.id)
        (after,) = await trials(service, row.id)
        assert after.spending["second_opinion"] == before.spending["second_opinion"]
        assert len(robot.calls) == calls


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (0.1, "no other user model is known; name one"),
        ({"share": 0.1, "user_model": "usual-user"}, "no other user model is known"),
        ({"share": 2, "user_model": "other-user"}, "second_opinion"),
        ({"shar": 0.2}, "did you mean share"),
    ],
)
def test_a_second_opinion_that_cannot_be_had_is_refused_with_its_line(
    lab: UserLab, given: Any, reason: str
) -> None:
    with pytest.raises(ConfigError, match=reason) as refused:
        lab.resolve(second_opinion=given)
    assert "fruit.yaml" in str(refused.value)


def test_a_bare_share_takes_the_other_model_that_is_configured(lab: UserLab) -> None:
    lab.models["user_model"] = "cheap-user"
    rule = lab.resolve(second_opinion=0.1).second_opinion
    assert rule is not None
    assert (rule.share, rule.user_model) == (0.1, "usual-user")
