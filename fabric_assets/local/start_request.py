"""The body of a job start: parameters and configuration, on the generic and on the notebook route."""

import keyword
import math
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from fabric_assets.local import errors
from fabric_assets.local.execution import ParameterValue

JOB_TYPES: Mapping[str, tuple[str, ...]] = {
    "ApacheAirflowJob": ("ApacheAirflowJob",),
    "CopyJob": ("CopyJob",),
    "DataBuildToolJob": ("Execute",),
    "DataPipeline": ("Pipeline", "Execute"),
    "Dataflow": ("Refresh", "Execute", "ApplyChanges"),
    "Lakehouse": ("TableMaintenance", "RefreshMaterializedLakeViews"),
    "Notebook": ("RunNotebook",),
    "SparkJobDefinition": ("sparkjob",),
}
"""Job types of item types, as the documentation of their public APIs names them."""

COMPUTE_TYPES = ("Spark", "Jupyter", "DataWarehouse")

_MAX_NAME_LENGTH = 256
_CONFIGURATION_FIELDS = {"conf", "environment", "defaultLakehouse", "useStarterPool", "useWorkspacePool"}
_COMMON_COMPUTE_FIELDS = {"name", "mountPoints", "defaultLakehouse", "attachedEnvironment"}
_COMPUTE_FIELDS = {
    "Spark": {
        *_COMMON_COMPUTE_FIELDS, "driverCores", "driverMemory", "executorCores", "executorMemory", "numExecutors",
        "jars", "pyFiles", "files", "archives", "sparkProperties", "instancePool", "highConcurrencyModeOptions",
    },
    "Jupyter": {*_COMMON_COMPUTE_FIELDS, "numCores"},
    "DataWarehouse": set(),
}  # fmt: skip
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@dataclass(frozen=True)
class LakehouseChoice:
    """The default lakehouse that a request names: by id, by name or both."""

    name: str | None = None
    item_id: str | None = None
    workspace_id: str | None = None


@dataclass(frozen=True)
class StartRequest:
    """What a request says about the job instance that it starts.

    Attributes:
        parameters: a notebook's are typed, a data pipeline's are any JSON.
        execution_data: all of ``executionData``, for items that are no notebooks.
    """

    parameters: Mapping[str, Any] = field(default_factory=dict)
    default_lakehouse: LakehouseChoice | None = None
    spark_conf: Mapping[str, str] = field(default_factory=dict)
    compute: str | None = None
    high_concurrency: bool = False
    session_tag: str | None = None
    execution_data: Mapping[str, Any] = field(default_factory=dict)


def parse_generic(body: Any, item_type: str) -> StartRequest:
    """The body of ``POST .../items/{item}/jobs/...``.

    Raises:
        ApiError: something in it is unknown or has the wrong type.
    """
    if body is None:
        return StartRequest()
    _check_fields(body, {"executionData", "parameters"}, "the body")
    if item_type != "Notebook":
        return _parse_other(body, item_type)
    if body.get("parameters") is not None:
        raise errors.feature_not_available(
            "Parameter is not allowed for this item type or this item job type. "
            "Notebook parameters go into executionData.parameters, or to the notebook route."
        )
    data = _object(body.get("executionData"), "executionData")
    _check_fields(data, {"parameters", "configuration"}, "executionData")
    parameters = _Parameters(_GENERIC_TYPES)
    for name, entry in _object(data.get("parameters"), "executionData.parameters").items():
        where = f"executionData.parameters.{name}"
        _check_fields(_object(entry, where), {"value", "type"}, where)
        parameters.add(name, entry, where)
    configuration = _object(data.get("configuration"), "executionData.configuration")
    _check_fields(configuration, _CONFIGURATION_FIELDS, "executionData.configuration")
    lakehouse = _object(configuration.get("defaultLakehouse"), "executionData.configuration.defaultLakehouse")
    _check_fields(lakehouse, {"name", "id", "workspaceId"}, "executionData.configuration.defaultLakehouse")
    conf = _object(configuration.get("conf"), "executionData.configuration.conf")
    return StartRequest(
        parameters=parameters.values,
        default_lakehouse=_lakehouse(
            lakehouse.get("name"), lakehouse.get("id"), lakehouse.get("workspaceId")
        ),
        spark_conf={str(name): str(value) for name, value in conf.items()},
    )


def _parse_other(body: Mapping[str, Any], item_type: str) -> StartRequest:
    """The body for an item that is no notebook: its ``executionData`` is the item type's own business."""
    data = _object(body.get("executionData"), "executionData")
    if item_type != "DataPipeline":
        return StartRequest(execution_data=data)
    if body.get("parameters") is not None:
        raise errors.feature_not_available(
            "Parameter is not allowed for this item type or this item job type. "
            "A data pipeline's parameters go into executionData.parameters."
        )
    parameters = _object(data.get("parameters"), "executionData.parameters")
    return StartRequest(parameters=parameters, execution_data=data)


def parse_notebook_route(body: Any) -> StartRequest:
    """The body of ``POST .../notebooks/{notebook}/jobs/execute/instances``.

    Raises:
        ApiError: something in it is unknown or has the wrong type.
    """
    if body is None:
        return StartRequest()
    _check_fields(body, {"executionData", "parameters"}, "the body")
    parameters = _Parameters(_NOTEBOOK_TYPES)
    listed = body.get("parameters")
    if listed is not None and not isinstance(listed, list):
        raise errors.invalid_input("'parameters' must be a list of objects with 'name', 'value' and 'type'.")
    for index, entry in enumerate(listed or ()):
        where = f"parameters[{index}]"
        _check_fields(_object(entry, where), {"name", "value", "type"}, where)
        parameters.add(entry.get("name"), entry, where)
    if body.get("executionData") is None:
        return StartRequest(parameters=parameters.values)
    data = _object(body["executionData"], "executionData")
    _check_fields(data, {"compute", "computeConfiguration"}, "executionData")
    compute = data.get("compute")
    if compute not in COMPUTE_TYPES:
        raise errors.invalid_input(
            f"executionData.compute is {compute!r}, but must be one of {', '.join(COMPUTE_TYPES)}."
        )
    configuration = _object(data.get("computeConfiguration"), "executionData.computeConfiguration")
    _check_fields(
        configuration, _COMPUTE_FIELDS[compute], f"executionData.computeConfiguration for {compute}"
    )
    lakehouse = _object(configuration.get("defaultLakehouse"), "computeConfiguration.defaultLakehouse")
    _check_fields(
        lakehouse, {"referenceType", "itemId", "workspaceId"}, "computeConfiguration.defaultLakehouse"
    )
    options = _object(configuration.get("highConcurrencyModeOptions"), "highConcurrencyModeOptions")
    _check_fields(options, {"enabled", "sessionTag"}, "highConcurrencyModeOptions")
    if options and not isinstance(options.get("enabled"), bool):
        raise errors.invalid_input("highConcurrencyModeOptions.enabled must be true or false.")
    session_tag = options.get("sessionTag")
    if session_tag is not None and not isinstance(session_tag, str):
        raise errors.invalid_input("highConcurrencyModeOptions.sessionTag must be a text.")
    return StartRequest(
        parameters=parameters.values,
        default_lakehouse=_lakehouse(None, lakehouse.get("itemId"), lakehouse.get("workspaceId")),
        spark_conf=_spark_properties(configuration.get("sparkProperties")),
        compute=compute,
        high_concurrency=bool(options.get("enabled")),
        session_tag=session_tag,
    )


class _Parameters:
    """Collects parameters whose names differ in more than case."""

    def __init__(self, types: Mapping[str, Callable[[Any], ParameterValue]]) -> None:
        self._types = types
        self._seen: set[str] = set()
        self.values: dict[str, ParameterValue] = {}

    def add(self, name: Any, entry: Mapping[str, Any], where: str) -> None:
        if not isinstance(name, str) or not name.strip() or len(name) > _MAX_NAME_LENGTH:
            raise errors.invalid_input(
                f"{where}: the name must be a text of 1 to {_MAX_NAME_LENGTH} characters."
            )
        if not name.isidentifier() or keyword.iskeyword(name):
            raise errors.invalid_input(f"{where}: '{name}' cannot be the name of a notebook's variable.")
        if name.casefold() in self._seen:
            raise errors.invalid_input(
                f"{where}: the parameter '{name}' is there twice (names match without case)."
            )
        self._seen.add(name.casefold())
        kind = entry.get("type")
        convert = self._types.get(kind) if isinstance(kind, str) else None
        if convert is None:
            raise errors.invalid_input(f"{where}: the type {kind!r} must be one of {', '.join(self._types)}.")
        if "value" not in entry:
            raise errors.invalid_input(f"{where}: the value is missing.")
        try:
            self.values[name] = convert(entry["value"])
        except (TypeError, ValueError) as error:
            raise errors.invalid_input(f"{where}: the value {entry['value']!r} is no {kind}.") from error


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _number(value: Any) -> int | float:
    return value if isinstance(value, int) and not isinstance(value, bool) else _float(value)


def _boolean(value: Any) -> bool:
    if isinstance(value, str) and value.casefold() in ("true", "false"):
        return value.casefold() == "true"
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date_time(value: Any) -> str:
    if not _DATE_TIME.fullmatch(_text(value)):
        raise ValueError
    return str(value)


def _guid(value: Any) -> str:
    return str(uuid.UUID(_text(value)))


def _automatic(value: Any) -> ParameterValue:
    if not isinstance(value, str | int | float | bool):
        raise TypeError
    return _float(value) if isinstance(value, float) else value


_GENERIC_TYPES: Mapping[str, Callable[[Any], ParameterValue]] = {
    "string": _text,
    "int": _integer,
    "float": _float,
    "bool": _boolean,
}
_NOTEBOOK_TYPES: Mapping[str, Callable[[Any], ParameterValue]] = {
    "Text": _text,
    "Integer": _integer,
    "Number": _number,
    "Boolean": _boolean,
    "DateTime": _date_time,
    "Guid": _guid,
    "Automatic": _automatic,
}


def _object(value: Any, where: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise errors.invalid_input(f"{where} must be an object.")
    return value


def _check_fields(value: Any, known: set[str], where: str) -> None:
    if not isinstance(value, dict):
        raise errors.invalid_input(f"{where} must be an object.")
    if unknown := sorted(set(value) - known):
        raise errors.invalid_input(
            f"{where} has the unknown field '{unknown[0]}'; it takes {', '.join(sorted(known))}."
        )


def _lakehouse(name: Any, item_id: Any, workspace_id: Any) -> LakehouseChoice | None:
    for value in (name, item_id, workspace_id):
        if value is not None and not isinstance(value, str):
            raise errors.invalid_input("defaultLakehouse: names and ids must be texts.")
    if not name and not item_id:
        return None
    return LakehouseChoice(
        name or None, item_id.lower() if item_id else None, workspace_id.lower() if workspace_id else None
    )


def _spark_properties(value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, list):
        raise errors.invalid_input("sparkProperties must be a list of objects with 'key' and 'value'.")
    for index, entry in enumerate(value):
        _check_fields(entry, {"key", "value"}, f"sparkProperties[{index}]")
    return {str(entry.get("key")): str(entry.get("value")) for entry in value}
