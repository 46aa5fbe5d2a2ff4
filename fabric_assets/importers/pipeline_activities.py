"""The activities of a pipeline that start a notebook, and why the others have no equal."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from fabric_assets.importers.errors import Problem
from fabric_assets.importers.git_folder import GitFolder
from fabric_assets.importers.pipeline_expressions import (
    ActivityValue,
    ExpressionContext,
    NotDecidedError,
    is_expression,
    source_of,
    work_out,
)
from fabric_assets.importers.pipeline_reasons import NO_WORKSPACE, details, reason_of
from fabric_assets.importers.project import ExitValueOf
from fabric_assets.importers.report import ImportReport
from fabric_assets.importers.steps import Step, short, take_argument

_TIMESPAN = re.compile(
    r"(?:(?P<days>\d{1,5})\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{2}):(?P<seconds>\d{2})(?:\.\d+)?"
)
_JOB_URL = re.compile(
    r"/v1/workspaces/(?P<workspace>[^/?]+)/(?:items|notebooks)/(?P<item>[^/?]+)/jobs/"
    r"(?:instances\?(?:.*&)?jobType=RunNotebook\b|RunNotebook/instances|execute/instances)",
    re.IGNORECASE,
)
_NOTEBOOKS = ("TridentNotebook", "SynapseNotebook")
_NOTEBOOK_FIELDS = {"notebookId", "workspaceId", "parameters", "sessionTag", "notebook", "snapshot"}
_CONVERSIONS: dict[str, Callable[[Any], Any]] = {
    "string": lambda value: value if isinstance(value, str) else _as_json(value),
    "int": lambda value: int(value) if not isinstance(value, float) or value.is_integer() else _refuse(value),
    "float": float,
    "bool": lambda value: {"true": True, "false": False, "1": True, "0": False}[str(value).lower()],
}


class ActivityReader:
    """Turns activities without inner ones into steps.

    Args:
        report: where remarks go.
        folder: items beside the pipeline, for the names behind ids.
        problems: where errors go.
    """

    def __init__(self, report: ImportReport, folder: GitFolder, problems: list[Problem]) -> None:
        self._report = report
        self._folder = folder
        self._problems = problems

    def fill(
        self, step: Step, activity: dict[str, Any], context: ExpressionContext, steps: Mapping[str, Step]
    ) -> None:
        """Make the step the notebook that the activity starts, or say why it has no equal.

        Args:
            step: a fresh step with the activity's name.
            activity: the activity.
            context: what its expressions can refer to.
            steps: activities around it, for exit values.
        """
        properties = self.properties(activity, step.where)
        if step.kind in _NOTEBOOKS:
            self._notebook(step, properties, context, steps)
        elif step.kind in ("WebActivity", "WebHook") and self._job_by_url(step, properties, context, steps):
            pass
        else:
            reason = reason_of(step.kind)
            self.no_equal(step, reason, properties)
        if step.notebook is not None:
            if step.kind in _NOTEBOOKS:
                self._policy(step, activity, context)
            elif activity.get("policy"):
                text = f"its policy {short(activity['policy'])} is that of the call, not of the notebook"
                self._report.miss(step.name, text, f"{step.where}.policy")
            self._description(step, activity)

    def no_equal(self, step: Step, reason: str, properties: dict[str, Any]) -> None:
        """Say that a step is left out, and what it was about."""
        self._report.miss(step.name, f"{step.kind} has no equal: {reason}{details(properties)}", step.where)

    def properties(self, activity: dict[str, Any], where: str) -> dict[str, Any]:
        """The activity's ``typeProperties``."""
        properties = activity.get("typeProperties")
        if properties is None:
            return {}
        if isinstance(properties, dict):
            return properties
        self._problems.append(
            Problem(f"{where}.typeProperties", f"must be an object, it is {short(properties)}")
        )
        return {}

    def decided(self, value: Any, context: ExpressionContext, step: Step, what: str, where: str) -> Any:
        """The value of a field that may be an expression; ``None`` and a remark if it is not known."""
        try:
            result = work_out(value, context)
        except NotDecidedError as error:
            result = error
        if isinstance(result, ActivityValue):
            result = NotDecidedError(f"it is what activity {result.activity!r} returns")
        if isinstance(result, NotDecidedError):
            self._report.miss(step.name, f"{what} is left out: {source_of(value)}: {result}", where)
            return None
        if is_expression(value):
            self._report.change(step.name, f"{what} {source_of(value)} is taken as {short(result)}", where)
        return result

    def _notebook(
        self, step: Step, properties: dict[str, Any], context: ExpressionContext, steps: Mapping[str, Step]
    ) -> None:
        where = f"{step.where}.typeProperties"
        reference: Any = properties.get("notebookId")
        if step.kind == "SynapseNotebook":
            reference = properties.get("notebook")
            if isinstance(reference, dict):
                reference = reference.get("referenceName")
        notebook = self.decided(reference, context, step, "its notebook", where) if reference else None
        if not isinstance(notebook, str) or not notebook.strip():
            self.no_equal(step, "which notebook it starts is not known", {})
            return
        step.notebook = notebook.strip()
        if step.kind == "SynapseNotebook":
            text = f"a notebook of Synapse: Fabric must have one with the name {step.notebook!r}"
            self._report.change(step.name, text, where)
        self._workspace(step, properties.get("workspaceId"), context, where)
        self._name_of_id(step, where)
        tag = properties.get("sessionTag")
        if tag not in (None, ""):
            known = self.decided(tag, context, step, "its session tag", f"{where}.sessionTag")
            if isinstance(known, str) and known:
                step.options["session_tag"] = known
        self._arguments(step, properties.get("parameters"), context, steps, f"{where}.parameters")
        for key in properties:
            if key not in _NOTEBOOK_FIELDS:
                text = (
                    f"{key} is left out: {short(properties[key])}; set it in the notebook or its environment"
                )
                self._report.miss(step.name, text, f"{where}.{key}")

    def _workspace(self, step: Step, value: Any, context: ExpressionContext, where: str) -> None:
        if value in (None, "", NO_WORKSPACE):
            return
        workspace = self.decided(value, context, step, "its workspace", f"{where}.workspaceId")
        if isinstance(workspace, str) and workspace not in ("", NO_WORKSPACE):
            step.options["workspace"] = workspace

    def _name_of_id(self, step: Step, where: str) -> None:
        item = self._folder.by_id(step.notebook or "")
        if item is not None and item.type == "Notebook":
            self._report.change(
                step.name, f"the id {step.notebook} in Git is the notebook {item.name!r}", where
            )
            step.notebook = item.name
        elif _is_guid(step.notebook or "") and "workspace" not in step.options:
            text = (
                f"the notebook is named by the id {step.notebook}; in a pipeline from Git that may be an id that only "
                "Git knows: write the notebook's name if Fabric does not find it"
            )
            self._report.change(step.name, text, where)

    def _arguments(
        self, step: Step, parameters: Any, context: ExpressionContext, steps: Mapping[str, Step], where: str
    ) -> None:
        if is_expression(parameters):
            parameters = self.decided(parameters, context, step, "its arguments", where)
        if parameters in (None, ""):
            return
        if not isinstance(parameters, dict):
            self._problems.append(Problem(where, f"must be an object, it is {short(parameters)}"))
            return
        for name, entry in parameters.items():
            place = f"{where}.{name}"
            kind, value = "", entry
            if isinstance(entry, dict) and "value" in entry:
                kind, value = str(entry.get("type") or "").lower(), entry["value"]
                if kind == "expression":
                    kind, value = "", entry
            self._argument(step, name, kind, value, context, steps, place)

    def _argument(
        self,
        step: Step,
        name: str,
        kind: str,
        value: Any,
        context: ExpressionContext,
        steps: Mapping[str, Step],
        where: str,
    ) -> None:
        try:
            result = work_out(value, context)
            if isinstance(result, ActivityValue):
                result = self._exit_value(result, steps, where)
            elif kind in _CONVERSIONS and value is not None:
                result = _converted(result, kind)
            elif isinstance(result, list | dict):
                result = _as_json(result)  # as Fabric itself hands it to a notebook
        except NotDecidedError as error:
            text = f"argument {name} is left out, the notebook takes its own default: {source_of(value)}: {error}"
            self._report.miss(step.name, text, where)
            return
        if is_expression(value) and not isinstance(result, ExitValueOf):
            text = f"argument {name}: {source_of(value)} is taken as {short(result)}"
            self._report.change(step.name, text, where)
        take_argument(self._report, step, name, result, where)

    def _exit_value(self, value: ActivityValue, steps: Mapping[str, Step], where: str) -> ExitValueOf:
        lower = {name.lower(): step for name, step in steps.items()}
        giver = steps.get(value.activity) or lower.get(value.activity.lower())
        if giver is None:
            raise NotDecidedError(f"activity {value.activity!r} is not one whose output it can see")
        if not value.is_exit_value:
            raise NotDecidedError(
                f"of activity {value.activity!r} only the whole exit value can be an argument, not {value.path}"
            )
        return ExitValueOf(exit_value_of=giver.name)

    def _job_by_url(
        self, step: Step, properties: dict[str, Any], context: ExpressionContext, steps: Mapping[str, Step]
    ) -> bool:
        """Whether the activity calls the job scheduler to start a notebook; then the step is that notebook."""
        url, where = properties.get("url"), f"{step.where}.typeProperties"
        try:
            known = work_out(url, context)
        except NotDecidedError:
            known = source_of(url)
        match = _JOB_URL.search(known) if isinstance(known, str) else None
        if match is None or "@" in match[0] or str(properties.get("method", "POST")).upper() != "POST":
            return False
        step.notebook = match["item"]
        step.options["workspace"] = match["workspace"]
        text = f"a call of the job scheduler: kept as notebook {step.notebook}; nothing needs to poll for its end"
        self._report.change(step.name, text, f"{where}.url")
        body = properties.get("body")
        if body in (None, "", {}):
            return True
        try:
            body = _parsed(body, context)
            data = body.get("executionData") or {}
            parameters = data.get("parameters") or body.get("parameters") or {}
            if isinstance(parameters, list):
                parameters = {entry["name"]: {"value": entry["value"]} for entry in parameters}
        except (NotDecidedError, ValueError, AttributeError, KeyError, TypeError, RecursionError) as error:
            text = f"its arguments are left out, the body of the call is not understood: {error}"
            self._report.miss(step.name, text, f"{where}.body")
            return True
        self._arguments(step, parameters, context, steps, f"{where}.body.executionData.parameters")
        rest = sorted({*data, *body} - {"parameters", "executionData"}) if isinstance(data, dict) else []
        if rest:
            self._report.miss(step.name, f"of the body, {', '.join(rest)} is left out", f"{where}.body")
        return True

    def _policy(self, step: Step, activity: dict[str, Any], context: ExpressionContext) -> None:
        policy, where = activity.get("policy"), f"{step.where}.policy"
        if policy is None:
            return
        if not isinstance(policy, dict):
            self._problems.append(Problem(where, f"must be an object, it is {short(policy)}"))
            return
        for key, option in (("retry", "retry"), ("retryIntervalInSeconds", "retry_interval_seconds")):
            value = policy.get(key)
            if value is None:
                continue
            known = self.decided(value, context, step, key, f"{where}.{key}")
            if isinstance(known, str) and known.isdigit():
                known = int(known[:12])
            if type(known) is int and known >= 0:
                step.options[option] = known
            elif known is not None:
                self._problems.append(
                    Problem(f"{where}.{key}", f"must be a whole number of at least 0, it is {short(known)}")
                )
        if policy.get("timeout") is not None:
            known = self.decided(policy["timeout"], context, step, "the time-out", f"{where}.timeout")
            seconds = _seconds(known) if isinstance(known, str) else None
            if seconds:
                step.options["timeout_seconds"] = seconds
            elif known is not None:
                text = f"must be a time such as '0.12:00:00', it is {short(known)}"
                self._problems.append(Problem(f"{where}.timeout", text))
        for key in ("secureInput", "secureOutput"):
            if policy.get(key) is True:
                text = f"{key} has no equal: arguments and exit values are shown in Dagster; pass no secrets"
                self._report.miss(step.name, text, f"{where}.{key}")
        known_keys = {"timeout", "retry", "retryIntervalInSeconds", "secureInput", "secureOutput"}
        for key in policy.keys() - known_keys:
            self._report.warn(step.name, Problem(f"{where}.{key}", f"a policy has no field {key!r}"))

    def _description(self, step: Step, activity: dict[str, Any]) -> None:
        description = activity.get("description")
        if isinstance(description, str) and description.strip():
            step.options["description"] = description
        if activity.get("userProperties"):
            text = f"user properties have no equal: {short(activity['userProperties'])}"
            self._report.miss(step.name, text, f"{step.where}.userProperties")
        references = activity.get("externalReferences")
        if isinstance(references, dict) and references.get("connection"):
            text = f"connection {references['connection']} is left out: the project's own identity starts the notebook"
            self._report.miss(step.name, text, f"{step.where}.externalReferences")


def _parsed(body: Any, context: ExpressionContext) -> Any:
    """The body of a request; expressions within its texts stay as they are."""
    if isinstance(body, str) and not body.startswith("@"):
        try:
            return json.loads(body)
        except ValueError:
            pass
    body = work_out(body, context)
    return json.loads(body) if isinstance(body, str) else body


def _seconds(text: str) -> float | None:
    match = _TIMESPAN.fullmatch(text.strip())
    if match is None:
        return None
    parts = {name: int(value or 0) for name, value in match.groupdict().items()}
    if parts["minutes"] > 59 or parts["seconds"] > 59:
        return None
    return float(parts["days"] * 86_400 + parts["hours"] * 3_600 + parts["minutes"] * 60 + parts["seconds"])


def _converted(value: Any, kind: str) -> Any:
    try:
        return _CONVERSIONS[kind](value)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise NotDecidedError(f"{short(value)} is no {kind}") from error


def _refuse(value: Any) -> int:
    raise ValueError(value)


def _as_json(value: Any) -> str:
    return (
        json.dumps(value, separators=(",", ":"), ensure_ascii=False) if not isinstance(value, str) else value
    )


def _is_guid(text: str) -> bool:
    return re.fullmatch(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", text) is not None
