"""Imports data pipelines of Fabric and pipelines of Azure Data Factory: their structure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from graphlib import TopologicalSorter
from typing import Any

from fabric_assets.importers.errors import Problem
from fabric_assets.importers.git_folder import GitFolder
from fabric_assets.importers.pipeline_activities import ActivityReader
from fabric_assets.importers.pipeline_containers import CONTAINERS, ContainerReader, Scope, join
from fabric_assets.importers.pipeline_reasons import details
from fabric_assets.importers.pipeline_sources import PipelineSource, called_names, unknown_activities
from fabric_assets.importers.project import JobEntry, NotebookDefaults, Project
from fabric_assets.importers.report import ImportReport
from fabric_assets.importers.steps import Step, build_project, find_cycle, short

_MAX_DEPTH = 20
_MAX_STEPS = 20_000
_SUCCEEDED, _FAILED, _SKIPPED, _COMPLETED = "succeeded", "failed", "skipped", "completed"
_CONDITIONS = {_SUCCEEDED, _FAILED, _SKIPPED, _COMPLETED}
_FIELDS = {
    *(
        "name",
        "type",
        "description",
        "dependsOn",
        "policy",
        "typeProperties",
        "userProperties",
        "annotations",
    ),
    *("state", "onInactiveMarkAs", "externalReferences", "connectionSettings", "objectId"),
    *("linkedService", "linkedServiceName", "inputs", "outputs"),
}


class _TooManyError(Exception):
    pass


@dataclass
class _Level:
    """Activities side by side, by name.

    Attributes:
        steps: their steps, and those of the activities around.
        ends: what stands for the end of each.
        blocked: those that no job runs.
        inactive: those that are inactive, with what they count as.
        instead: what to wait for in the place of one that no job runs.
    """

    steps: dict[str, Step]
    ends: dict[str, list[Step]] = field(default_factory=dict)
    blocked: set[str] = field(default_factory=set)
    inactive: dict[str, str] = field(default_factory=dict)
    instead: dict[str, list[str]] = field(default_factory=dict)


def import_pipeline(
    pipelines: list[PipelineSource], name: str, report: ImportReport, folder: GitFolder
) -> tuple[Project, list[Problem]]:
    """The project of pipelines, and what is wrong with them; with errors, the project is empty.

    Args:
        pipelines: those of the file; those that another one of them calls are imported there.
        name: name for a pipeline without one.
        report: where remarks go.
        folder: items that lie beside.
    """
    reader = _PipelineReader(report, folder, {source.name: source for source in pipelines})
    try:
        for source in pipelines:
            if len(pipelines) == 1 or source.name not in reader.called_in_file:
                reader.pipeline(replace(source, name=source.name or name))
    except _TooManyError:
        reader.problems.append(
            Problem("", f"with its loops unrolled it has more than {_MAX_STEPS:,} activities")
        )
    problems = list(dict.fromkeys(reader.problems))  # what is in a loop is read several times
    if problems:
        return Project(), problems
    # What Fabric takes for an activity that says nothing.
    defaults = NotebookDefaults(retry=0, retry_interval_seconds=30, timeout_seconds=43_200)
    return build_project(report, reader.steps, defaults=defaults, jobs=reader.jobs), []


class _PipelineReader:
    """Reads pipelines into steps."""

    def __init__(
        self, report: ImportReport, folder: GitFolder, in_file: Mapping[str, PipelineSource]
    ) -> None:
        self.steps: list[Step] = []
        self.jobs: dict[str, JobEntry] = {}
        self.problems: list[Problem] = []
        self.called_in_file = called_names(in_file)
        self._report = report
        self._folder = folder
        self._in_file = in_file
        self._names: set[str] = set()
        self._activities = ActivityReader(report, folder, self.problems)
        self._containers = ContainerReader(
            report, folder, in_file, self.problems, self._activities, self._list
        )

    def pipeline(self, source: PipelineSource) -> None:
        """Read a pipeline that is a job of its own."""
        first = len(self.steps)
        for place, name in unknown_activities(source):
            self._error(place, f"activity('{name}') names no activity of the pipeline {source.name}")
        context = self._containers.context(source, {})
        self._list(
            source.properties.get("activities"),
            join(source.where, "activities"),
            Scope(source.name, context),
        )
        settings: dict[str, Any] = {}
        description = source.properties.get("description")
        if isinstance(description, str) and description.strip():
            settings["description"] = description
        concurrency = source.properties.get("concurrency")
        if concurrency is not None:
            place = join(source.where, "concurrency")
            if type(concurrency) is not int or concurrency < 1:
                self._error(place, f"must be a whole number from 1, it is {short(concurrency)}")
            else:
                settings["tags"] = {"fabric/pipeline": source.name}
                self._report.change(
                    source.name,
                    f"at most {concurrency} runs of the pipeline at once: the job's runs have the tag fabric/pipeline; "
                    "add to dagster.yaml under concurrency.runs.tag_concurrency_limits: "
                    f"{{key: fabric/pipeline, value: {source.name}, limit: {concurrency}}}",
                    place,
                )
        names = [step.name for step in self.steps[first:]]
        self.jobs[source.name] = JobEntry(notebooks=names, **settings)
        if context.used:
            text = f"its parameters {', '.join(sorted(context.used))} are taken with their default values"
            self._report.change(source.name, text, join(source.where, "parameters"))

    def _error(self, where: str, message: str) -> None:
        self.problems.append(Problem(where, message))

    def _list(self, value: Any, where: str, scope: Scope) -> list[Step]:
        """Read a list of activities; gives the steps that what follows it waits for."""
        if value is None:
            value = []
        if not isinstance(value, list):
            self._error(where, f"must be a list of activities, it is {short(value)}")
            return []
        if scope.depth > _MAX_DEPTH:
            self._error(where, f"activities are nested more than {_MAX_DEPTH} levels deep")
            return []
        entries: dict[str, tuple[dict[str, Any], str]] = {}
        for index, entry in enumerate(value):
            place = f"{where}[{index}]"
            if not isinstance(entry, dict):
                self._error(place, f"is {short(entry)}; an activity is an object with 'name' and 'type'")
                continue
            name = entry.get("name")
            if not isinstance(name, str) or not name.strip():
                self._error(f"{place}.name", f"must be a text, it is {short(name)}")
            elif name in entries:
                self._error(
                    f"{place}.name", f"{name!r} is taken by {entries[name][1]} already; names must be unique"
                )
            else:
                entries[name] = (entry, place)
        depends = {name: self._depends(entry, place, entries) for name, (entry, place) in entries.items()}
        cycle = find_cycle(depends)
        if cycle:
            self._error(where, f"the activities wait for each other in a circle: {' -> '.join(cycle)}")
            return []
        level = _Level(steps=dict(scope.outer))
        for name in TopologicalSorter(depends).static_order():
            entry, place = entries[name]
            level.ends[name] = self._activity(name, entry, place, depends[name], level, scope)
        waited_for = {before for name in entries if name in level.steps for before in level.steps[name].after}
        return [step for steps in level.ends.values() for step in steps if step.name not in waited_for]

    def _depends(self, entry: dict[str, Any], where: str, known: Mapping[str, Any]) -> dict[str, set[str]]:
        """Names of the activities it waits for, with the conditions in lower case."""
        value = entry.get("dependsOn")
        if value is None:
            return {}
        if not isinstance(value, list):
            self._error(f"{where}.dependsOn", f"must be a list, it is {short(value)}")
            return {}
        found: dict[str, set[str]] = {}
        for index, dependency in enumerate(value):
            place = f"{where}.dependsOn[{index}]"
            name = dependency.get("activity") if isinstance(dependency, dict) else None
            if not isinstance(name, str):
                self._error(place, f"must be an object with 'activity', it is {short(dependency)}")
                continue
            if name not in known:
                near = ", ".join(list(known)[:10])
                self._error(
                    place,
                    f"{entry.get('name')!r} depends on {name!r}, which is no activity beside it; there are: {near}",
                )
                continue
            conditions = dependency.get("dependencyConditions")
            if conditions is not None and not isinstance(conditions, list):
                self._error(f"{place}.dependencyConditions", f"must be a list, it is {short(conditions)}")
                continue
            names = {str(condition).lower() for condition in conditions or ["succeeded"]}
            unknown = names - _CONDITIONS
            if unknown:
                self._error(
                    f"{place}.dependencyConditions",
                    f"{min(unknown)!r} is no condition; there are Succeeded, Failed, Skipped, Completed",
                )
            found[name] = found.get(name, set()) | names
        return found

    def _activity(
        self,
        name: str,
        entry: dict[str, Any],
        where: str,
        depends: Mapping[str, set[str]],
        level: _Level,
        scope: Scope,
    ) -> list[Step]:
        """Read one activity; gives the steps that what depends on it waits for."""
        kind = entry.get("type")
        if not isinstance(kind, str) or not kind:
            self._error(f"{where}.type", f"must be a text, it is {short(kind)}")
            kind = "activity"
        for key in entry:
            if key not in _FIELDS:
                self._report.warn(
                    name, Problem(f"{where}.{key}", f"an activity has no field {key!r} that is known here")
                )
        if len(self.steps) > _MAX_STEPS:
            raise _TooManyError
        step = Step(self._unique(f"{name}{scope.suffix}"), where, kind)
        self.steps.append(step)
        level.steps[name] = step
        step.after = list(scope.before)
        own_reason = self._wait(name, step, depends, level)
        reason = scope.condition or own_reason
        if str(entry.get("state", "Active")).lower() == "inactive":
            level.inactive[name] = self._inactive(step, entry)
            return [step]
        if own_reason is not None:
            level.blocked.add(name)
        step.in_job = reason is None
        if scope.pool is not None:
            step.options["pool"] = scope.pool
        if kind in CONTAINERS:
            end = self._containers.read(step, entry, scope, level.steps, reason)
            if end is None:
                return [step]
            end.name = self._unique(end.name)
            self.steps.append(end)
            return [end]
        self._activities.fill(step, entry, scope.context, level.steps)
        if step.notebook is None:
            step.options.clear()
        elif reason is not None:
            self._report.miss(step.name, f"no job runs it: {reason}", where)
        return [step]

    def _wait(self, name: str, step: Step, depends: Mapping[str, set[str]], level: _Level) -> str | None:
        """Set what a step waits for; gives the reason why no job can run it."""
        reason = None
        behind: list[str] = []
        for before, conditions in depends.items():
            waits = [end.name for end in level.ends[before]]
            marked = level.inactive.get(before)
            if marked is not None:
                if not conditions & {marked, marked if marked == _SKIPPED else _COMPLETED}:
                    reason = f"it waits for {before}, which is inactive and counts as {marked}"
            elif not conditions & {_SUCCEEDED, _COMPLETED}:
                if before in level.blocked and _SKIPPED in conditions:
                    waits = level.instead[before]  # it never runs here, so it is always skipped
                else:
                    shown = " or ".join(sorted(conditions))
                    reason = f"it runs only if {before} {shown}: use a sensor on failed runs"
                    behind += waits
                    continue
            elif before in level.blocked and _SKIPPED in conditions:
                text = f"no job runs {before}, so it waits for what stands before that instead"
                self._report.change(step.name, text, step.where)
                waits = level.instead[before]
            elif before in level.blocked:
                reason = reason or f"it follows {before}, which no job runs"
            elif conditions != {_SUCCEEDED}:
                shown = ", ".join(condition.capitalize() for condition in sorted(conditions))
                text = (
                    f"the dependency on {before} ({shown}) is kept for the order, but an asset follows a success only: "
                    f"after a failure of {before} it does not run"
                )
                self._report.miss(step.name, text, step.where)
            step.after += [wait for wait in waits if wait not in step.after]
        level.instead[name] = [*step.after, *behind]
        return reason

    def _inactive(self, step: Step, entry: dict[str, Any]) -> str:
        """Say that it is left out; gives what it counts as."""
        marked = str(entry.get("onInactiveMarkAs", "Succeeded")).lower()
        about = details(self._activities.properties(entry, step.where))
        text = f"is inactive (counts as {marked}), so it is left out; its neighbours keep their order{about}"
        self._report.miss(step.name, text, step.where)
        return marked

    def _unique(self, name: str) -> str:
        key, number = name, 1
        while key in self._names:
            number += 1
            key = f"{name}_{number}"
        self._names.add(key)
        if key != name:
            self._report.change(key, f"a second activity with the name {name}: an asset with this name")
        return key
