"""A suite resolved to its last value: every cell and trial, before anything runs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from core.errors import ConfigError
from core.files import fault_at, find_secret_names, load, read_data
from core.spelling import nearest
from evaluation.cells import Cell, ResolvedSuite
from evaluation.checks.python import Python
from evaluation.fingerprints import Fingerprint, digest, fingerprint
from evaluation.judge.prompts import PROMPT_HASH, RULES
from evaluation.project import Project
from evaluation.scenarios import ScenarioFile, load_scenario
from evaluation.simulated_users import SecondOpinionRule
from evaluation.suite_info import AutoRepeats, SimulatorInfo
from evaluation.suites import MAX_TRIALS, JudgeConfig, SuiteBase, SuiteBody, SuiteFile
from nodes.bots.chat import OpenAIBot, PromptBot
from nodes.bots.config import BotConfig
from nodes.calls.http import redacted_url
from nodes.prompts import prompt
from nodes.speakers.personas import DEFAULT

Loc = tuple[int | str, ...]
SHIPPED = Path(__file__).parents[1]
"""Where suites/ and scenarios/ lie that come with Duologue, in a checkout as in a wheel."""


@dataclass(frozen=True)
class Selection:
    """What of a suite is wanted; empty: all. `text` is looked for in ids, names and tags."""

    bots: Sequence[str] = ()
    personas: Sequence[str] = ()
    tags: Sequence[str] = ()
    text: str = ""
    repeats: int | None = None

    def takes(self, scenario: ScenarioFile) -> bool:
        words = " ".join([scenario.id or "", scenario.name, *scenario.tags]).casefold()
        tagged = not self.tags or bool({*self.tags} & {*scenario.tags})
        return tagged and self.text.casefold() in words


def load_suite(path: Path, project: Project, only: Selection = Selection()) -> ResolvedSuite:
    """The suite in a file. Raises `ConfigError` with file, line and key."""
    return _Resolver(load(path, SuiteFile), project, only, path).resolve()


def resolve_body(body: SuiteBody, project: Project) -> ResolvedSuite:
    """A suite that came over HTTP, its scenarios by id. Raises `ConfigError`."""
    found: list[str | ScenarioFile] = []
    for place, id in enumerate(body.scenarios):
        if id not in project.scenario_files:
            raise _unknown("scenario", id, project.scenario_files, None, ("scenarios", place))
        found.append(load_scenario(project.scenario_files[id]))
    judge = None if body.judge is None else JudgeConfig(**body.judge.model_dump())
    fields = {name: getattr(body, name) for name in SuiteBase.model_fields}
    suite = SuiteFile(**fields, scenarios=found, judge=judge)
    return _Resolver(suite, project, Selection(), None).resolve()


def load_file(path: Path, project: Project, only: Selection = Selection()) -> ResolvedSuite:
    """The suite in a file; a scenario file is a suite of its own. Raises `ConfigError`.

    What is not in this folder but ships with Duologue, as suites/demo.yaml, is taken from there.
    """
    if not path.is_absolute() and not path.exists() and (SHIPPED / path).is_file():
        return load_file(SHIPPED / path, replace(project, root=SHIPPED), only)
    try:
        data = read_data(path)
    except ConfigError:
        data = None  # told by who reads it
    if not isinstance(data, dict) or "scenarios" in data or not {"checks", "criteria"} & {*data}:
        return load_suite(path, project, only)
    found = load_scenario(path)
    suite = SuiteFile(name=found.name, scenarios=[found])
    resolved = _Resolver(suite, project, only, None).resolve()
    return resolved.model_copy(update={"file": str(path)})


def resolve_all(project: Project, only: Selection = Selection()) -> ResolvedSuite:
    """All scenarios of the project that have something to judge, once each."""
    found = [load_scenario(path) for path in project.scenario_files.values()]
    judged: list[str | ScenarioFile] = [one for one in found if one.checks or one.criteria]
    if not judged:
        folder = project.root / "scenarios"
        raise ConfigError("no scenario here has checks or criteria", file=str(folder))
    return _Resolver(SuiteFile(name="all", scenarios=judged), project, only, None).resolve()


@dataclass
class _Resolver:
    suite: SuiteFile
    project: Project
    only: Selection
    file: Path | None
    _where: dict[str, Path] = field(default_factory=dict)

    def resolve(self) -> ResolvedSuite:
        found = self._scenarios()
        self._check_personas()
        self._check_exclusions(found)
        scenarios = {id: one for id, one in found.items() if self.only.takes(one)}
        judges = self._judges(scenarios)
        self._check_gate(scenarios)
        cells = [cell for scenario in scenarios.values() for cell in self._cells(scenario, judges)]
        self._check_count(cells)
        resolved = ResolvedSuite(
            suite=self.suite.model_copy(update={"scenarios": list(scenarios)}),
            file=None if self.file is None else str(self.file),
            scenarios=scenarios,
            personas={id: self.project.personas[id] for id in _used_personas(cells)},
            bots={id: _without_secrets(self.project.bots[id]) for id in _list_used(cells, "bot")},
            prompts=_prompts(),
            judges=judges,
            simulators=(simulators := self._list_simulators(scenarios, cells)),
            second_opinion=self._second_opinion(simulators),
            cells=cells,
        )
        self._check_prices(resolved)
        return resolved

    # --- scenarios ----------------------------------------------------------------------------

    def _scenarios(self) -> dict[str, ScenarioFile]:
        found: dict[str, ScenarioFile] = {}
        for place, entry in enumerate(self.suite.scenarios):
            for scenario in self._entry(entry, ("scenarios", place)):
                id = scenario.id or ""
                if id in found:
                    raise self._fault(("scenarios", place), f"two scenarios are named {id}")
                self._must_be_playable(scenario, ("scenarios", place))
                self._must_find_functions(scenario, ("scenarios", place))
                found[id] = scenario
        return found

    def _entry(self, entry: str | ScenarioFile, loc: Loc) -> list[ScenarioFile]:
        if isinstance(entry, ScenarioFile):
            if not entry.id:
                raise self._fault((*loc, "id"), "a scenario that is written in place needs an id")
            return [entry.model_copy(update={"name": entry.name or entry.id})]
        paths = sorted(self.project.root.glob(entry)) if not Path(entry).is_absolute() else []
        if not paths:
            known = [f"scenarios/{path.name}" for path in self.project.scenario_files.values()]
            guess = nearest(entry, known)
            hint = f"; did you mean {guess}?" if guess else ""
            raise self._fault(loc, f"no file is {entry} in {self.project.root.resolve()}{hint}")
        loaded = [load_scenario(path) for path in paths]
        self._where |= {one.id or "": path for one, path in zip(loaded, paths, strict=True)}
        return loaded

    def _must_be_playable(self, scenario: ScenarioFile, loc: Loc) -> None:
        if not scenario.checks and not scenario.criteria:
            key, reason = "checks", "has neither checks nor criteria: no trial could pass or fail"
        elif scenario.user == "human":
            key, reason = "user", "a suite runs alone: no person is there to take the seat"
        else:
            return
        raise self._fault_in(scenario, loc, (key,), reason)

    def _must_find_functions(self, scenario: ScenarioFile, loc: Loc) -> None:
        for place, check in enumerate(scenario.checks):
            reason = check.find_fault(self.project.root) if isinstance(check, Python) else None
            if reason:
                raise self._fault_in(scenario, loc, ("checks", place, "python"), reason)

    # --- cells --------------------------------------------------------------------------------

    def _cells(self, scenario: ScenarioFile, judges: list[str]) -> Iterator[Cell]:
        repeats = self.only.repeats or scenario.repeats or self.suite.repeats
        for persona, bot in product(self._personas(scenario), self._bots(scenario)):
            if self._is_excluded(scenario.id or "", persona, bot):
                continue
            yield Cell(
                scenario=scenario.id or "",
                persona=persona,
                bot=bot,
                repeats=repeats if isinstance(repeats, int) else _plan(repeats),
                fingerprint=self._fingerprint(scenario, persona, judges),
            )

    def _personas(self, scenario: ScenarioFile) -> list[str]:
        for id in scenario.personas:
            if id not in self.project.personas:
                file = self._where.get(scenario.id or "")
                raise _unknown("persona", id, self.project.personas, file, ("persona",))
        named = scenario.personas or list(dict.fromkeys(self.suite.personas))
        wanted = self.only.personas
        return [id for id in named or [""] if not wanted or id in wanted]

    def _bots(self, scenario: ScenarioFile) -> list[str]:
        named = [str(id) for id in self.suite.bots] or [str(scenario.bot_id)]
        for place, id in enumerate(named):
            if id not in self.project.bots:
                in_suite = bool(self.suite.bots)
                file = self.file if in_suite else self._where.get(scenario.id or "")
                loc: Loc = ("bots", place) if in_suite else ("bot_id",)
                raise _unknown("bot", id, self.project.bots, file, loc)
        wanted = self.only.bots
        return [id for id in dict.fromkeys(named) if not wanted or id in wanted]

    def _is_excluded(self, scenario: str, persona: str, bot: str) -> bool:
        cell = {"scenario": scenario, "persona": persona, "bot": bot}
        rules = (rule.model_dump(exclude_none=True) for rule in self.suite.exclude)
        return any(all(cell[name] == str(id) for name, id in rule.items()) for rule in rules)

    # --- what the figures depend on ------------------------------------------------------------

    def _fingerprint(self, scenario: ScenarioFile, persona: str, judges: list[str]) -> Fingerprint:
        judge = self.suite.judge or JudgeConfig()
        settings = judge.model_dump(include={"temperature", "when", "base_url"})
        played = scenario.play(persona=persona or None, bot_id=0)
        besides = {"bot_id", "bot_prompt", "persona", "repeats"}
        return fingerprint(
            {
                "judge": {**settings, "panel": judges} if scenario.criteria else None,
                "prompts": PROMPT_HASH if scenario.criteria else None,
                "criteria": [one.model_dump(mode="json") for one in scenario.criteria],
                "checks": [self._check_facts(check) for check in scenario.checks],
                "scenario": played.model_dump(mode="json", exclude=besides),
                "persona": self._persona_facts(persona),
                "simulator": self._simulator(scenario, persona),
            }
        )

    def _check_facts(self, check: Any) -> Any:
        facts = check.model_dump(mode="json", exclude_defaults=True)
        if isinstance(check, Python):
            path = self.project.root / check.file
            return {**facts, "code": path.read_text("utf-8") if path.is_file() else None}
        return facts

    def _persona_facts(self, persona: str) -> Any:
        found = self.project.personas.get(persona or DEFAULT)
        return found.model_dump(mode="json", exclude_defaults=True) if found else None

    def _simulator(self, scenario: ScenarioFile, persona: str) -> Any:
        player = self._find_simulator(scenario, persona)
        if player.kind == "scripted":
            return {"seat": "scripted"}
        return {"seat": "simulated", "model": player.model, "prompt": digest(prompt("user"))}

    def _list_simulators(
        self, scenarios: Mapping[str, ScenarioFile], cells: Sequence[Cell]
    ) -> list[SimulatorInfo]:
        """Who plays each persona, each player once."""
        found = (self._find_simulator(scenarios[cell.scenario], cell.persona) for cell in cells)
        return list({(one.persona, one.kind, one.model): one for one in found}.values())

    def _find_simulator(self, scenario: ScenarioFile, persona: str) -> SimulatorInfo:
        id, project = persona or DEFAULT, self.project
        card = project.personas.get(id)
        seat = scenario.user or ("simulated" if project.has_model else "scripted")
        if seat == "scripted" or (card and card.kind == "scripted"):
            return SimulatorInfo(persona=id, kind="scripted")
        own = scenario.user_model or (card and card.model)
        model = own or project.user_model or project.model
        return SimulatorInfo(persona=id, kind="model", model=model)

    def _second_opinion(self, simulators: Sequence[SimulatorInfo]) -> SecondOpinionRule | None:
        """The rule with its model, which must be another than that of at least one persona."""
        rule, project = self.suite.second_opinion, self.project
        if rule is None:
            return None
        rule = rule if isinstance(rule, SecondOpinionRule) else SecondOpinionRule(share=rule)
        usual = {one.model for one in simulators if one.model}
        known = [rule.user_model] if rule.user_model else [project.user_model, project.model]
        other = next((model for model in known if model and usual - {model}), None)
        if other is None:
            what = "no other user model is known; name one: {share: 0.1, user_model: NAME}"
            raise self._fault(
                ("second_opinion",), what if usual else "no model plays the user of any trial"
            )
        return rule.model_copy(update={"user_model": other})

    # --- what is refused ----------------------------------------------------------------------

    def _judges(self, scenarios: Mapping[str, ScenarioFile]) -> list[str]:
        """The model of each vote; none where nothing is to be judged."""
        if not any(scenario.criteria for scenario in scenarios.values()):
            return []
        return (self.suite.judge or JudgeConfig()).panel(self.project.model)

    def _check_personas(self) -> None:
        for place, id in enumerate(self.suite.personas):
            if id not in self.project.personas:
                loc: Loc = ("personas", place)
                raise _unknown("persona", id, self.project.personas, self.file, loc)

    def _check_exclusions(self, scenarios: Mapping[str, ScenarioFile]) -> None:
        known: dict[str, Mapping[str, Any]] = {
            "scenario": scenarios,
            "persona": self.project.personas,
            "bot": self.project.bots,
        }
        for place, rule in enumerate(self.suite.exclude):
            for what, id in rule.model_dump(exclude_none=True).items():
                if str(id) not in known[what]:
                    loc: Loc = ("exclude", place, what)
                    raise _unknown(what, str(id), known[what], self.file, loc)

    def _check_gate(self, scenarios: Mapping[str, ScenarioFile]) -> None:
        known = {id for scenario in scenarios.values() for id in scenario.question_ids}
        for id in self.suite.gate.criteria if self.suite.gate else ():
            if id not in known and not _narrows(self.only):
                loc: Loc = ("gate", "criteria", id)
                raise _unknown("check or criterion", id, known, self.file, loc)

    def _check_count(self, cells: Sequence[Cell]) -> None:
        count = sum(cell.most_repeats for cell in cells)
        if not count:
            why = "nothing fits what was selected" if _narrows(self.only) else "all is excluded"
            raise self._fault(("exclude",), f"the suite has no trial: {why}")
        if count > MAX_TRIALS:
            raise self._fault(("repeats",), f"{count} trials are more than {MAX_TRIALS}")

    def _check_prices(self, resolved: ResolvedSuite) -> None:
        budget = self.suite.budget
        if budget is None or budget.cost_usd is None:
            return
        unknown = self.project.prices.unknown(models_used(resolved, self.project))
        if unknown:
            reason = f"the price of {unknown[0]} is unknown; name it in prices.yaml"
            raise self._fault(("budget", "cost_usd"), reason)

    def _fault_in(self, scenario: ScenarioFile, loc: Loc, key: Loc, reason: str) -> ConfigError:
        """A mistake in a scenario, in its own file or where the suite has it in place."""
        path = self._where.get(scenario.id or "")
        return fault_at(path, key, reason) if path else self._fault((*loc, *key), reason)

    def _fault(self, loc: Loc, reason: str) -> ConfigError:
        if self.file is not None:
            return fault_at(self.file, loc, reason)
        return ConfigError(reason, key=".".join(map(str, loc)))


def models_used(resolved: ResolvedSuite, project: Project) -> list[str]:
    """The models that an experiment pays for: judges, simulated users, bots at model endpoints."""
    models = {*resolved.judges, *(one.model for one in resolved.simulators if one.model)}
    second = resolved.second_opinion
    if second is not None and second.user_model is not None:
        models.add(second.user_model)
    bots = (project.bots[id] for id in resolved.bots)
    models |= {bot.model or project.model for bot in bots if isinstance(bot, OpenAIBot | PromptBot)}
    return sorted(models)


def _unknown(
    what: str, id: str, known: Mapping[str, Any] | set[str], file: Path | None, loc: Loc
) -> ConfigError:
    guess = nearest(id, known)
    hint = f"did you mean {guess}?" if guess else f"there are: {', '.join(sorted(known)) or 'none'}"
    reason = f"there is no {what} {id}; {hint}"
    if file is not None:
        return fault_at(file, loc, reason)
    return ConfigError(reason, key=".".join(map(str, loc)))


def _narrows(only: Selection) -> bool:
    return bool(only.bots or only.personas or only.tags or only.text)


def _plan(repeats: AutoRepeats) -> AutoRepeats:
    return AutoRepeats(good=repeats.good, bad=repeats.bad, max=repeats.max)


def _list_used(cells: Sequence[Cell], name: str) -> list[str]:
    return sorted({getattr(cell, name) for cell in cells})


def _used_personas(cells: Sequence[Cell]) -> list[str]:
    return [id for id in _list_used(cells, "persona") if id]


def _prompts() -> dict[str, str]:
    return {"user": prompt("user"), "judge": RULES, "judge_hash": PROMPT_HASH}


def _without_secrets(bot: BotConfig) -> dict[str, Any]:
    """The bot as bots.yaml has it; what is no `${NAME}` and may be a secret is left out."""
    return {
        name: _mask(name, value) for name, value in bot.model_dump(mode="json").items() if value
    }


def _mask(name: str, value: Any) -> Any:
    if name in {"api_key", "headers"}:
        held = value if isinstance(value, dict) else {name: value}
        masked = {key: part if find_secret_names(part) else "***" for key, part in held.items()}
        return masked if isinstance(value, dict) else masked[name]
    if isinstance(value, dict):
        return {key: _mask(key, part) for key, part in value.items()}
    return redacted_url(value) if isinstance(value, str) and name.endswith("url") else value
