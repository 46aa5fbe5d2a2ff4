"""Activities with others inside: conditions, loops, calls of other pipelines."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from fabric_assets.importers.errors import ImportFileError, Problem
from fabric_assets.importers.git_folder import GitFolder
from fabric_assets.importers.json_source import parse_json, read_text
from fabric_assets.importers.pipeline_activities import ActivityReader
from fabric_assets.importers.pipeline_expressions import (
    ActivityValue,
    ExpressionContext,
    NotDecidedError,
    is_expression,
    source_of,
    work_out,
)
from fabric_assets.importers.pipeline_sources import (
    PipelineSource,
    changed_variables,
    pipelines_in,
    starts_notebooks,
)
from fabric_assets.importers.report import ImportReport
from fabric_assets.importers.steps import END_OF_CONTAINER, Step, short

CONTAINERS = ("IfCondition", "ForEach", "Until", "Switch", "InvokePipeline", "ExecutePipeline")
_MAX_ITEMS = 2_000


@dataclass(frozen=True)
class Scope:
    """What surrounds a list of activities.

    Attributes:
        pipeline: name of the pipeline.
        context: what expressions can refer to.
        before: steps that all of them wait for.
        suffix: makes the names in one turn of a loop unique.
        pool: pool of the notebooks.
        condition: why no job runs them.
        outer: activities around, for exit values.
        depth: how many containers are around.
        called: pipelines that are being called.
    """

    pipeline: str
    context: ExpressionContext
    before: tuple[str, ...] = ()
    suffix: str = ""
    pool: str | None = None
    condition: str | None = None
    outer: Mapping[str, Step] = field(default_factory=dict)
    depth: int = 0
    called: tuple[str, ...] = ()


class ContainerReader:
    """Reads activities with others inside.

    Args:
        report: where remarks go.
        folder: pipelines that may be called.
        in_file: pipelines of the same file, by name.
        problems: where errors go.
        activities: says what has no equal.
        read_list: reads a list of activities; gives the steps that what follows it waits for.
    """

    def __init__(
        self,
        report: ImportReport,
        folder: GitFolder,
        in_file: Mapping[str, PipelineSource],
        problems: list[Problem],
        activities: ActivityReader,
        read_list: Callable[[Any, str, Scope], list[Step]],
    ) -> None:
        self._report = report
        self._folder = folder
        self._in_file = in_file
        self._problems = problems
        self._activities = activities
        self._read = read_list

    def context(self, source: PipelineSource, given: Mapping[str, Any]) -> ExpressionContext:
        """What the expressions of a pipeline can refer to.

        Args:
            source: the pipeline.
            given: parameters that its caller gives.
        """
        declared = self._given(source.properties.get("parameters"), join(source.where, "parameters"))
        parameters = {**_defaults(declared), **given}
        variables = self._given(source.properties.get("variables"), join(source.where, "variables"))
        changed = changed_variables(source.properties.get("activities"))
        constants = {name: value for name, value in _defaults(variables).items() if name not in changed}
        return ExpressionContext(source.name, parameters, constants)

    def _given(self, value: Any, where: str) -> dict[str, Any]:
        if isinstance(value, dict):
            return value
        if value is not None:
            self._problem(where, f"must be an object, it is {short(value)}")
        return {}

    def _problem(self, where: str, message: str) -> None:
        self._problems.append(Problem(where, message))

    def read(
        self, step: Step, entry: dict[str, Any], scope: Scope, local: Mapping[str, Step], reason: str | None
    ) -> Step | None:
        """Read what is inside.

        Args:
            step: the container's own step, which comes before what is inside.
            entry: the activity.
            scope: what is around it.
            local: activities around it, for exit values.
            reason: why no job runs what is inside.

        Returns:
            A step that comes after all of it; ``None`` if there is nothing inside to wait for.
        """
        properties = self._activities.properties(entry, step.where)
        inner = replace(
            scope, before=(step.name,), condition=reason, outer=dict(local), depth=scope.depth + 1
        )
        where = f"{step.where}.typeProperties"
        step.options.clear()
        read = {
            "IfCondition": self._if,
            "Switch": self._switch,
            "Until": self._until,
            "ForEach": self._for_each,
        }.get(step.kind, self._call)
        last = read(step, properties, where, inner)
        if last is None:
            return None
        end = Step(f"{step.name}{END_OF_CONTAINER}", step.where, step.kind)
        end.after = list(dict.fromkeys([step.name, *(before.name for before in last)]))
        return end

    def _if(self, step: Step, properties: dict[str, Any], where: str, scope: Scope) -> list[Step]:
        expression = properties.get("expression")
        branches = {True: properties.get("ifTrueActivities"), False: properties.get("ifFalseActivities")}
        names = {True: "ifTrueActivities", False: "ifFalseActivities"}
        known = self._decided(expression, scope.context)
        if isinstance(known, bool):
            text = (
                f"the condition {source_of(expression)} is {known} with the default values; "
                "no job runs the other branch"
            )
            self._report.change(step.name, text, where)
        else:
            text = (
                f"the condition {source_of(expression)} has no equal: {known}; what stands in its branches are assets, "
                "and no job runs them"
            )
            self._report.miss(step.name, text, where)
        last: list[Step] = []
        for branch, activities in branches.items():
            taken = known is branch
            reason = None if taken else f"it runs only if {source_of(expression)} is {branch}"
            inner = replace(scope, condition=scope.condition or reason)
            last += self._read(activities, f"{where}.{names[branch]}", inner)
        return last

    def _switch(self, step: Step, properties: dict[str, Any], where: str, scope: Scope) -> list[Step]:
        expression = properties.get("on")
        known = self._decided(expression, scope.context, object)
        decided = not isinstance(known, NotDecidedError)
        if decided:
            text = f"{source_of(expression)} is {short(known)} with the default values; no job runs the other cases"
            self._report.change(step.name, text, where)
        else:
            text = (
                f"the choice {source_of(expression)} has no equal: {known}; its cases are assets, "
                "and no job runs them"
            )
            self._report.miss(step.name, text, where)
        cases = properties.get("cases")
        if cases is not None and not isinstance(cases, list):
            self._problem(f"{where}.cases", f"must be a list, it is {short(cases)}")
            cases = []
        last: list[Step] = []
        matched = False
        for index, case in enumerate(cases or []):
            place = f"{where}.cases[{index}]"
            if not isinstance(case, dict):
                self._problem(place, f"must be an object, it is {short(case)}")
                continue
            taken = decided and str(case.get("value")) == str(known)
            matched = matched or taken
            reason = (
                None if taken else f"it runs only if {source_of(expression)} is {short(case.get('value'))}"
            )
            inner = replace(scope, condition=scope.condition or reason)
            last += self._read(case.get("activities"), f"{place}.activities", inner)
        otherwise = (
            None if decided and not matched else f"it runs only if {source_of(expression)} is something else"
        )
        inner = replace(scope, condition=scope.condition or otherwise)
        return last + self._read(properties.get("defaultActivities"), f"{where}.defaultActivities", inner)

    def _until(self, step: Step, properties: dict[str, Any], where: str, scope: Scope) -> list[Step]:
        text = (
            f"repeating until {source_of(properties.get('expression'))} has no equal: what stands inside runs once; "
            "to wait for something use a sensor"
        )
        self._report.miss(step.name, text, where)
        return self._read(properties.get("activities"), f"{where}.activities", scope)

    def _for_each(self, step: Step, properties: dict[str, Any], where: str, scope: Scope) -> list[Step]:
        place, activities = f"{where}.activities", properties.get("activities")
        source = source_of(properties.get("items"))
        once = replace(scope, context=replace(scope.context, items=[]))
        if not starts_notebooks(activities):
            self._report.change(step.name, f"it repeats for each of {source} what is no notebook", where)
            return self._read(activities, place, once)
        items = self._decided(properties.get("items"), scope.context, list)
        if isinstance(items, list) and len(items) > _MAX_ITEMS:
            items = NotDecidedError(
                f"there are {len(items):,}, of which more than {_MAX_ITEMS:,} are not unrolled"
            )
        if not isinstance(items, list):
            text = (
                f"its items {source} are not known: {items}; what stands inside are assets without arguments of the "
                "item, and no job runs them: add an entry for each item, or partitions"
            )
            self._report.miss(step.name, text, where)
            reason = f"it runs once for each of {source}"
            return self._read(activities, place, replace(once, condition=scope.condition or reason))
        text = (
            f"its {len(items)} items {source} became an asset each"
            if items
            else f"its items {source} are none"
        )
        self._report.change(step.name, text, where)
        sequential = properties.get("isSequential") is True
        batch = properties.get("batchCount")
        if type(batch) is int and not sequential and batch < len(items):
            pool = re.sub(r"[^A-Za-z0-9_]+", "_", step.name)
            text = (
                f"at most {batch} at once: its notebooks are in the pool {pool}; set its limit: "
                f"dagster instance concurrency set {pool} {batch}"
            )
            self._report.change(step.name, text, f"{where}.batchCount")
            scope = replace(scope, pool=pool)
        if sequential and len(items) > 1:
            self._report.keep(step.name, "its items follow each other", f"{where}.isSequential")
        last: list[Step] = []
        before, suffixes = scope.before, set[str]()
        for index, item in enumerate(items):
            suffix = _suffix(item, index, suffixes)
            context = replace(scope.context, items=[*scope.context.items, item])
            inner = replace(scope, before=before, context=context, suffix=f"{scope.suffix}{suffix}")
            ended = self._read(activities, place, inner)
            if sequential and ended:
                before = (*scope.before, *(done.name for done in ended))
                last = ended
            else:
                last += ended
        return last

    def _call(self, step: Step, properties: dict[str, Any], where: str, scope: Scope) -> list[Step] | None:
        """``InvokePipeline`` and ``ExecutePipeline``: the other pipeline in their place, if its file is there."""
        reference = (
            properties.get("pipelineId") or properties.get("pipelineName") or properties.get("pipeline")
        )
        if isinstance(reference, dict) and not is_expression(reference):
            reference = reference.get("referenceName")
        known = self._decided(reference, scope.context, str)
        source = self._find(known) if isinstance(known, str) else None
        if source is None or (source.name in scope.called) or source.name == scope.pipeline:
            reason = "it calls another pipeline; import that too and let its assets depend on these (or pipeline_asset)"
            if source is not None:
                reason = f"it calls {source.name} within itself"
            self._activities.no_equal(step, reason, properties)
            return None
        given: dict[str, Any] = {}
        for name, value in self._given(properties.get("parameters"), f"{where}.parameters").items():
            entry = value
            if isinstance(value, dict) and "value" in value and not is_expression(value):
                entry = value["value"]
            result = self._decided(entry, scope.context, object)
            if isinstance(result, NotDecidedError):
                text = (
                    f"parameter {name} of pipeline {source.name} is not known, its default is taken: "
                    f"{source_of(entry)}: {result}"
                )
                self._report.miss(step.name, text, f"{where}.parameters.{name}")
            else:
                given[name] = result
        self._report.change(step.name, f"pipeline {source.name} is imported in its place", step.where)
        context = self.context(source, given)
        inner = replace(
            scope, pipeline=source.name, context=context, outer={}, called=(*scope.called, scope.pipeline)
        )
        place = f"{source.name}: {join(source.where, 'activities')}"
        last = self._read(source.properties.get("activities"), place, inner)
        used = sorted(context.used - given.keys())
        if used:
            text = (
                f"parameters {', '.join(used)} of pipeline {source.name} are taken with their default values"
            )
            self._report.change(step.name, text, step.where)
        if properties.get("waitOnCompletion") is False:
            text = "it does not wait for the pipeline (waitOnCompletion): what follows it does not wait for its assets"
            self._report.keep(step.name, text, f"{where}.waitOnCompletion")
            return None
        return last

    def _find(self, reference: str) -> PipelineSource | None:
        if reference in self._in_file:
            return self._in_file[reference]
        item = self._folder.by_id(reference) or self._folder.by_name("DataPipeline", reference)
        name = item.name if item is not None else reference
        is_pipeline = item is not None and item.type == "DataPipeline"
        content = item.content() if item is not None and is_pipeline else self._folder.json_beside(reference)
        if content is None:
            return None
        try:
            found = pipelines_in(parse_json(content, read_text(content)))
        except ImportFileError as error:
            self._problem(name, str(error))
            return None
        return replace(found[0], name=name) if found else None

    def _decided(self, value: Any, context: ExpressionContext, kind: type = bool) -> Any:
        """The value if it is known and of the kind; else the reason, as an error that is not raised."""
        try:
            result = work_out(value, context)
        except NotDecidedError as error:
            return error
        if isinstance(result, ActivityValue):
            return NotDecidedError(f"it is what activity {result.activity!r} returns")
        if kind is bool and isinstance(result, str) and result.lower() in ("true", "false"):
            return result.lower() == "true"
        return result if isinstance(result, kind) else NotDecidedError(f"it is {short(result)}")


def join(where: str, key: str) -> str:
    """The place of a field."""
    return f"{where}.{key}" if where else key


def _defaults(declared: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: entry["defaultValue"]
        for name, entry in declared.items()
        if isinstance(entry, dict) and "defaultValue" in entry
    }


def _suffix(item: Any, index: int, taken: set[str]) -> str:
    """What makes the names of one item's activities unique."""
    if isinstance(item, dict):
        named = {str(key).lower(): value for key, value in item.items()}
        item = next((named[key] for key in ("name", "table", "tablename", "id") if key in named), None)
    label = re.sub(r"[^A-Za-z0-9_]+", "_", str(item)).strip("_")[:60] if isinstance(item, str | int) else ""
    suffix = f"_{label or index + 1}"
    if suffix in taken:
        suffix = f"{suffix}_{index + 1}"
    taken.add(suffix)
    return suffix
