"""The activities that do something: notebooks, other pipelines, waiting, failing. Containers are the interpreter's."""

from collections.abc import Awaitable, Callable, Mapping
from contextvars import ContextVar
from typing import Any

from fabric_assets.local.errors import ApiError
from fabric_assets.local.pipelines.copy_activity import copy
from fabric_assets.local.pipelines.surroundings import ActivityError, Surroundings, run_to_end
from fabric_assets.local.start_request import StartRequest, parse_generic
from fabric_assets.local.state import JobInstance

Execute = Callable[[Surroundings, Mapping[str, Any]], Awaitable[Any]]
"""Executes an activity with its evaluated settings; returns its output.

Raises:
    ActivityError: it failed.
"""

_MAX_DEPTH = 16
_DEPTH: ContextVar[int] = ContextVar("depth of pipelines", default=0)


async def run_notebook(surroundings: Surroundings, settings: Mapping[str, Any]) -> Any:
    """``TridentNotebook``: the output's ``result.exitValue`` is what the notebook passed to ``exit``."""
    workspace, notebook = surroundings.item(
        "Notebook", settings.get("notebookId"), settings.get("workspaceId")
    )
    body = {"executionData": {"parameters": settings.get("parameters") or {}}}
    try:
        request = parse_generic(body, "Notebook")
    except ApiError as error:
        raise ActivityError(
            f"The parameters of notebook '{notebook.display_name}': {error.message}"
        ) from error
    ended = await run_to_end(surroundings, workspace, notebook, "RunNotebook", request)
    if ended.status != "Completed":
        raise _not_completed("Notebook", ended)
    result = {"runId": ended.id, "runStatus": "Succeeded", "exitValue": ended.exit_value}
    return {"status": "Succeeded", "result": result}


async def run_pipeline(surroundings: Surroundings, settings: Mapping[str, Any]) -> Any:
    """``InvokePipeline`` and ``ExecutePipeline``; with ``waitOnCompletion`` false it only starts it."""
    operation = settings.get("operationType", "InvokeFabricPipeline")
    if operation != "InvokeFabricPipeline":
        raise ActivityError(
            f"The local Fabric does not execute the operation {operation}; it invokes Fabric pipelines."
        )
    reference = settings.get("pipelineId") or settings.get("pipelineName")
    if reference is None and isinstance(settings.get("pipeline"), dict):
        reference = settings["pipeline"].get("referenceName")
    workspace, pipeline = surroundings.item("DataPipeline", reference, settings.get("workspaceId"))
    # Tasks inherit the value, so each pipeline knows how deep it is.
    depth = _DEPTH.get() + 1
    if depth > _MAX_DEPTH:
        raise ActivityError(f"Pipelines invoke each other more than {_MAX_DEPTH} deep.")
    before = _DEPTH.set(depth)
    parameters = settings.get("parameters") or {}
    request = StartRequest(parameters=parameters, execution_data={"parameters": parameters})
    wait = settings.get("waitOnCompletion") is not False
    try:
        ended = await run_to_end(surroundings, workspace, pipeline, "Pipeline", request, wait=wait)
    finally:
        _DEPTH.reset(before)
    if wait and ended.status != "Completed":
        raise _not_completed("Pipeline", ended)
    return {"pipelineRunId": ended.id, "pipelineName": pipeline.display_name}


async def wait(surroundings: Surroundings, settings: Mapping[str, Any]) -> Any:
    """``Wait``."""
    seconds = settings.get("waitTimeInSeconds")
    try:
        length = float(str(seconds))
    except ValueError as error:
        raise ActivityError(f"waitTimeInSeconds is {seconds!r}, which is no number.") from error
    await surroundings.clock.sleep_until(surroundings.clock.time_ns() + round(length * 1e9))
    return {}


async def fail(_surroundings: Surroundings, settings: Mapping[str, Any]) -> Any:
    """``Fail``."""
    raise ActivityError(str(settings.get("message", "")), str(settings.get("errorCode", "UserError")))


async def run_copy(surroundings: Surroundings, settings: Mapping[str, Any]) -> Any:
    """``Copy``."""
    return await copy(surroundings, settings)


ACTIVITIES: Mapping[str, Execute] = {
    "Copy": run_copy,
    "ExecutePipeline": run_pipeline,
    "Fail": fail,
    "InvokePipeline": run_pipeline,
    "TridentNotebook": run_notebook,
    "Wait": wait,
}
"""By their types."""


def _not_completed(what: str, ended: JobInstance) -> ActivityError:
    reason = ended.failure_reason or {}
    detail = f": {reason.get('message')}" if reason.get("message") else ""
    return ActivityError(
        f"{what} '{ended.item_name}' (job instance {ended.id}) ended as {ended.status}{detail}",
        str(reason.get("errorCode") or "ActivityFailed"),
    )
