"""Runs a pipeline: its activities in the order of their dependencies, in containers too.

Source: Data Factory's documentation of dependency conditions. A pipeline succeeds if every activity that nothing
depends on succeeded; for a skipped one, those that it depends on are asked instead.
"""

import asyncio
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fabric_assets.local.execution import ExecutionError
from fabric_assets.local.pipelines.activities import ACTIVITIES
from fabric_assets.local.pipelines.definition import (
    Activity,
    DefinitionError,
    PipelineDefinition,
    parse_activities,
    read_definition,
)
from fabric_assets.local.pipelines.expressions import ExpressionError, evaluate
from fabric_assets.local.pipelines.surroundings import ActivityError, Surroundings

_LOG = logging.getLogger(__name__)
_BATCH = 20
_NO_ITEM = object()


@dataclass(frozen=True)
class ActivityResult:
    """How an activity ended: ``Succeeded``, ``Failed`` or ``Skipped``."""

    status: str
    output: Any = None
    error: ExecutionError | None = None


@dataclass
class _Scope:
    """What expressions see: the results so far, and the item of a ``ForEach``."""

    results: dict[str, ActivityResult] = field(default_factory=dict)
    item: Any = _NO_ITEM


async def run_pipeline(surroundings: Surroundings, given: Mapping[str, Any]) -> ExecutionError | None:
    """Run a pipeline to its end; returns why it failed.

    Args:
        surroundings: the pipeline, and what is around it.
        given: the parameters of the job instance, by names without case; others than the pipeline's are not used.
    """
    name = surroundings.pipeline.display_name
    try:
        definition = read_definition(surroundings.pipeline.path)
        parameters = _parameters(definition, given)
    except DefinitionError as error:
        return ExecutionError("PipelineDefinitionInvalid", f"Pipeline '{name}': {error}.")
    run = _PipelineExecution(surroundings, definition, parameters)
    failed = await run.graph(definition.activities, _Scope())
    if not failed:
        return None
    message = "; ".join(
        f"Operation on target {name} failed: {error.message}" for name, error in failed.items()
    )
    code = next(iter(failed.values())).error_code if len(failed) == 1 else "ActivityFailed"
    return ExecutionError(code, message)


class _PipelineExecution:
    """One job instance of a pipeline."""

    def __init__(
        self, surroundings: Surroundings, definition: PipelineDefinition, parameters: Mapping[str, Any]
    ) -> None:
        self._surroundings = surroundings
        self._parameters = parameters
        self._variables = dict(definition.variables)

    async def graph(self, activities: tuple[Activity, ...], scope: _Scope) -> dict[str, ExecutionError]:
        """Run activities, each as soon as those it depends on have ended; returns those by which all of it failed."""
        ended = {activity.name: asyncio.Event() for activity in activities}

        async def run(activity: Activity) -> None:
            for name in activity.depends_on:
                await ended[name].wait()
            scope.results[activity.name] = await self._result(activity, scope)
            ended[activity.name].set()

        async with asyncio.TaskGroup() as tasks:
            for activity in activities:
                tasks.create_task(run(activity))
        return _failed(activities, scope.results)

    async def _result(self, activity: Activity, scope: _Scope) -> ActivityResult:
        if not all(_is_met(scope.results[name], wanted) for name, wanted in activity.depends_on.items()):
            return ActivityResult("Skipped")
        if activity.inactive_as is not None:
            error = ExecutionError("ActivityInactive", "it is inactive and marked as failed")
            return ActivityResult(
                activity.inactive_as, error=error if activity.inactive_as == "Failed" else None
            )
        for attempt in range(activity.policy.retry + 1):
            result = await self._attempt(activity, scope)
            if result.error is None:
                break
            _LOG.info("activity '%s' failed: %s", activity.name, result.error.message)
            if attempt < activity.policy.retry:
                clock = self._surroundings.clock
                await clock.sleep_until(clock.time_ns() + round(activity.policy.retry_interval_seconds * 1e9))
        return result

    async def _attempt(self, activity: Activity, scope: _Scope) -> ActivityResult:
        timeout = activity.policy.timeout_seconds
        limit = asyncio.timeout(timeout)
        try:
            async with limit:
                return ActivityResult("Succeeded", await self._execute(activity, scope))
        except TimeoutError:
            if not limit.expired():
                raise
            error = ExecutionError("ActivityTimedOut", f"it did not end within its time-out of {timeout:g} s")
        except ActivityError as failure:
            error = ExecutionError(failure.error_code, str(failure))
        except (ExpressionError, DefinitionError) as failure:
            error = ExecutionError("ActivityDefinitionInvalid", str(failure))
        except Exception as failure:  # noqa: BLE001 - whatever a definition has, its job instance must end
            _LOG.exception("activity '%s' of the type %s failed", activity.name, activity.type)
            message = f"the local Fabric failed: {type(failure).__name__}: {failure}"
            error = ExecutionError("LocalFabricError", message)
        return ActivityResult("Failed", error=error)

    async def _execute(self, activity: Activity, scope: _Scope) -> Any:
        if activity.type == "SetVariable":
            return self._set_variable(activity, scope)
        if activity.type == "IfCondition":
            return await self._if_condition(activity, scope)
        if activity.type == "ForEach":
            return await self._for_each(activity, scope)
        execute = ACTIVITIES.get(activity.type)
        if execute is None:
            known = ", ".join(sorted([*ACTIVITIES, "ForEach", "IfCondition", "SetVariable"]))
            raise ActivityError(
                f"the local Fabric does not execute activities of type {activity.type}; it executes {known}. "
                "Set it inactive, or run this pipeline in Fabric.",
                "NotSupportedLocally",
            )
        return await execute(self._surroundings, self._evaluate(activity.settings, scope))

    def _set_variable(self, activity: Activity, scope: _Scope) -> Any:
        name = activity.settings.get("variableName")
        if name not in self._variables:
            raise ActivityError(f"the pipeline has no variable '{name}'")
        self._variables[name] = self._evaluate(activity.settings.get("value"), scope)
        return {"name": name, "value": self._variables[name]}

    async def _if_condition(self, activity: Activity, scope: _Scope) -> Any:
        condition = self._evaluate(activity.settings.get("expression"), scope)
        if not isinstance(condition, bool):
            raise ActivityError(f"its expression gives {condition!r}, not true or false")
        branch = "ifTrueActivities" if condition else "ifFalseActivities"
        await self._inner(parse_activities(activity.settings.get(branch)), scope)
        return {}

    async def _for_each(self, activity: Activity, scope: _Scope) -> Any:
        items = self._evaluate(activity.settings.get("items"), scope)
        if not isinstance(items, list):
            raise ActivityError(f"its items are {items!r}, which is no list")
        inner = parse_activities(activity.settings.get("activities"))
        sequential = activity.settings.get("isSequential") is True
        slots = asyncio.Semaphore(1 if sequential else int(activity.settings.get("batchCount") or _BATCH))
        failures: list[ActivityError] = []

        async def run(item: Any) -> None:
            async with slots:
                try:
                    await self._inner(inner, _Scope(dict(scope.results), item))
                except ActivityError as error:
                    failures.append(error)

        async with asyncio.TaskGroup() as tasks:
            for item in items:
                tasks.create_task(run(item))
        if failures:
            raise ActivityError(
                f"{len(failures)} of {len(items)} items failed; the first: {failures[0]}",
                failures[0].error_code,
            )
        return {"itemsCount": len(items)}

    async def _inner(self, activities: tuple[Activity, ...], scope: _Scope) -> None:
        failed = await self.graph(activities, scope)
        for name, error in failed.items():
            raise ActivityError(f"Operation on target {name} failed: {error.message}", error.error_code)

    def _evaluate(self, value: Any, scope: _Scope) -> Any:
        return evaluate(value, lambda name, arguments: self._scoped(name, arguments, scope))

    def _scoped(self, name: str, arguments: list[Any], scope: _Scope) -> Any:
        """The value of a function that needs the pipeline run."""
        if name == "pipeline" and not arguments:
            return self._system_values()
        if name == "item" and not arguments:
            if scope.item is _NO_ITEM:
                raise ExpressionError("item() is there inside of a ForEach only.")
            return scope.item
        argument = arguments[0] if len(arguments) == 1 else None
        if name == "variables":
            if argument not in self._variables:
                raise ExpressionError(f"The pipeline has no variable {argument!r}.")
            return self._variables[argument]
        if name == "activity":
            result = scope.results.get(str(argument))
            if result is None:
                raise ExpressionError(f"Activity {argument!r} has not run before this one.")
            error = result.error and {"errorCode": result.error.error_code, "message": result.error.message}
            return {"output": result.output or {}, "status": result.status, "error": error or {}}
        raise ExpressionError(f"{name}() does not take {arguments!r}.")

    def _system_values(self) -> dict[str, Any]:
        around = self._surroundings
        return {
            "parameters": dict(self._parameters),
            "RunId": around.job_instance_id,
            "GroupId": around.job_instance_id,
            "Pipeline": around.pipeline.id,
            "PipelineName": around.pipeline.display_name,
            "DataFactory": around.workspace.id,
            "TriggerName": "Manual",
            "TriggerType": "Manual",
        }


def _parameters(definition: PipelineDefinition, given: Mapping[str, Any]) -> dict[str, Any]:
    by_case = {name.casefold(): value for name, value in given.items()}
    parameters = {
        name: by_case.get(name.casefold(), default) for name, default in definition.parameters.items()
    }
    if missing := [f"'{name}'" for name, value in parameters.items() if value is None]:
        raise DefinitionError(f"its parameter {', '.join(missing)} has no default value, and none was given")
    return parameters


def _is_met(result: ActivityResult, wanted: frozenset[str]) -> bool:
    return result.status in wanted or ("Completed" in wanted and result.status != "Skipped")


def _failed(
    activities: tuple[Activity, ...], results: Mapping[str, ActivityResult]
) -> dict[str, ExecutionError]:
    """The failed activities by which a graph fails: its last ones, and those before a skipped one."""
    by_name = {activity.name: activity for activity in activities}
    needed = {name for activity in activities for name in activity.depends_on}
    asked = [name for name in by_name if name not in needed]
    failed: dict[str, ExecutionError] = {}
    seen: set[str] = set()
    while asked:
        name = asked.pop()
        if name in seen:
            continue
        seen.add(name)
        result = results[name]
        if result.status == "Skipped":
            asked += by_name[name].depends_on
        elif result.error is not None:
            failed[name] = result.error
    return dict(sorted(failed.items(), key=lambda entry: list(by_name).index(entry[0])))
