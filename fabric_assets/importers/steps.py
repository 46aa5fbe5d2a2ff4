"""From steps, as every importer reads them, to the project: dependencies, names, jobs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from reprlib import Repr
from typing import Any

from fabric_assets.client.compute import parameter_problem
from fabric_assets.importers.project import (
    Argument,
    ExitValueOf,
    JobEntry,
    NotebookDefaults,
    NotebookEntry,
    Project,
    valid_asset_name,
)
from fabric_assets.importers.report import ImportReport

END_OF_CONTAINER = " (end)"
"""What the name of a step ends with that stands for the end of an activity with others inside."""

# Above that, dependencies that others imply are written out, too: finding them takes quadratic time.
_MAX_STEPS_REDUCED = 1_000

_CUT = Repr()
_CUT.maxstring = _CUT.maxother = 120
_CUT.maxlist = _CUT.maxdict = 10


@dataclass
class Step:
    """One activity, whatever it came from.

    Attributes:
        name: unique name; key of the entry.
        where: place in the file.
        kind: its type, for messages, such as ``Wait``.
        notebook: display name or GUID of the notebook; ``None``: something that the project cannot express. Such a step
            carries on the order of its neighbours.
        after: names of steps that must have succeeded before.
        arguments: parameters of the notebook.
        options: fields of ``NotebookEntry`` that are set.
        in_job: whether the job runs it; not if it runs only under a condition that has no equal.
    """

    name: str
    where: str
    kind: str = "notebook"
    notebook: str | None = None
    after: list[str] = field(default_factory=list)
    arguments: dict[str, Argument] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    in_job: bool = True


def find_cycle(after: Mapping[str, Iterable[str]]) -> list[str] | None:
    """Names that wait for each other in a circle, the first one again at the end; ``None`` if there is no cycle.

    Args:
        after: name to the names that come before it.
    """
    try:
        TopologicalSorter(after).prepare()
    except CycleError as error:
        cycle: list[str] = error.args[1]
        return cycle
    return None


def take_argument(report: ImportReport, step: Step, parameter: str, value: object, where: str) -> None:
    """Add an argument to a step, or say why Fabric could not take it."""
    problem = parameter_problem(parameter, "" if isinstance(value, ExitValueOf) else value)
    if problem is None:
        step.arguments[parameter] = value  # type: ignore[assignment]  # checked by parameter_problem
    else:
        text = f"argument {parameter} = {short(value)} is left out, the notebook takes its own default: {problem}"
        report.miss(step.name, text, where)


def short(value: object) -> str:
    """The value for a message, cut."""
    return _CUT.repr(value)


def build_project(
    report: ImportReport, steps: list[Step], *, defaults: NotebookDefaults, jobs: Mapping[str, JobEntry]
) -> Project:
    """The project of the steps; says in the report what became of each.

    Args:
        report: where remarks go.
        steps: all steps; they wait for each other in no circle.
        defaults: what the entries leave out.
        jobs: jobs by name; their ``notebooks`` are names of steps, of which those that are no notebooks or not to be
            run by a job are left out.
    """
    by_name = {step.name: step for step in steps}
    upstream = _upstream_notebooks(report, steps, by_name)
    names: set[str] = {step.name for step in steps if step.notebook and valid_asset_name(step.name) is None}
    entries: dict[str, NotebookEntry] = {}
    for step in steps:
        if step.notebook is None:
            continue
        deps = upstream[step.name]
        _check_exit_values(report, step, deps, by_name)
        fields: dict[str, Any] = {}
        if step.notebook != step.name:
            fields["notebook"] = step.notebook
        if (name := valid_asset_name(step.name)) is not None:
            fields["name"] = _unique(name, names)
        if deps:
            fields["deps"] = deps
        if step.arguments:
            fields["arguments"] = step.arguments
        entries[step.name] = NotebookEntry(**fields, **step.options)
        report.keep(step.name, _description(step.name, entries[step.name]), step.where)
    finished: dict[str, JobEntry] = {}
    job_names: set[str] = set()
    for name, job in jobs.items():
        notebooks = [key for key in job.notebooks if key in entries and by_name[key].in_job]
        settings = job.model_dump(exclude_unset=True) | {"notebooks": notebooks}
        if notebooks:
            finished[_unique(valid_asset_name(name) or name, job_names)] = JobEntry(**settings)
    fields = {"defaults": defaults, "notebooks": entries}
    if finished:
        fields["jobs"] = finished
    return Project(workspace=Project.model_fields["workspace"].default, **fields)


def _upstream_notebooks(
    report: ImportReport, steps: list[Step], by_name: Mapping[str, Step]
) -> dict[str, list[str]]:
    """Step to the notebooks it comes after, seen through the steps that have no equal."""
    behind: dict[str, dict[str, list[str]]] = {}
    reached: dict[str, set[str]] = {}
    for name in TopologicalSorter({step.name: step.after for step in steps}).static_order():
        found: dict[str, list[str]] = {}
        for before in by_name[name].after:
            if by_name[before].notebook is not None:
                found[before] = []
            if by_name[before].notebook is None or not by_name[before].in_job:
                # A run keeps no order through an asset that is not a part of it.
                for notebook, through in behind[before].items():
                    found.setdefault(notebook, [*through, before])
        behind[name] = found
        if len(steps) <= _MAX_STEPS_REDUCED:
            running = [before for before in found if by_name[before].in_job]
            implied = {far for before in running for far in reached[before]}
            behind[name] = {key: path for key, path in found.items() if not path or key not in implied}
            reached[name] = implied.union(found)
    for step in steps:
        if step.notebook is not None:
            for notebook, through in behind[step.name].items():
                if any(by_name[name].notebook is None for name in through):
                    names = dict.fromkeys(name.removesuffix(END_OF_CONTAINER) for name in through)
                    text = f"{' -> '.join([notebook, *names, step.name])}: kept as {notebook} -> {step.name}"
                    report.change(step.name, text, step.where)
    return {name: list(found) for name, found in behind.items()}


def _check_exit_values(
    report: ImportReport, step: Step, deps: list[str], by_name: Mapping[str, Step]
) -> None:
    for parameter, value in list(step.arguments.items()):
        if not isinstance(value, ExitValueOf):
            continue
        giver = by_name.get(value.exit_value_of)
        if giver is None or giver.notebook is None:
            del step.arguments[parameter]
            text = f"argument {parameter} is left out: {value.exit_value_of} is no notebook, it has no exit value here"
            report.miss(step.name, text, step.where)
        elif giver.name not in deps and giver.name not in _all_before(step, by_name):
            if step.name in _all_before(giver, by_name) or giver is step:
                del step.arguments[parameter]
                text = f"argument {parameter} is left out: {giver.name} runs after {step.name}"
                report.miss(step.name, text, step.where)
                continue
            deps.append(giver.name)
            step.after.append(giver.name)
            text = f"a dependency on {giver.name} was added, because argument {parameter} is its exit value"
            report.change(step.name, text, step.where)


def _all_before(step: Step, by_name: Mapping[str, Step]) -> set[str]:
    seen: set[str] = set()
    todo = list(step.after)
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += by_name[name].after
    return seen


def _unique(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate


def _description(key: str, entry: NotebookEntry) -> str:
    parts = [f"notebook {entry.notebook or key}"]
    if entry.workspace:
        parts.append(f"in workspace {entry.workspace}")
    if entry.name:
        parts.append(f"as asset {entry.name}")
    if entry.deps:
        parts.append("after " + ", ".join(entry.deps))
    if entry.arguments:
        parts.append("arguments " + ", ".join(entry.arguments))
    if entry.retry is not None:
        every = f" every {entry.retry_interval_seconds:g} s" if entry.retry_interval_seconds else ""
        parts.append(f"retry {entry.retry}{every}")
    if entry.timeout_per_cell_seconds is not None:
        parts.append(f"{entry.timeout_per_cell_seconds:g} s for each cell")
    if entry.timeout_seconds is not None:
        parts.append(f"time-out {entry.timeout_seconds:g} s")
    if entry.session_tag:
        parts.append(f"session tag {entry.session_tag}")
    if entry.pool:
        parts.append(f"pool {entry.pool}")
    return "; ".join(parts)
