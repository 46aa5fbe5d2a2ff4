"""What a notebook runs with: parameters and compute settings, and the two request bodies that carry them.

Fabric has two routes that start a notebook. The generic one of the job scheduler is the one that every tool uses;
only the notebook route takes a session tag, sizes, and a named pool.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ParameterValue = str | int | float | bool

STARTER_POOL = "starter"

_GENERIC_TYPES: dict[type, str] = {bool: "bool", int: "int", float: "float", str: "string"}
_NOTEBOOK_TYPES: dict[type, str] = {bool: "Boolean", int: "Integer", float: "Number", str: "Text"}


@dataclass(frozen=True)
class ComputeSettings:
    """Compute settings of a notebook's job instances. Everything unset is left to the notebook's own settings.

    Attributes:
        environment: display name or GUID of the environment.
        default_lakehouse: display name or GUID of the default lakehouse.
        default_lakehouse_workspace: display name or GUID of its workspace; unset: the notebook's.
        spark_pool: ``"starter"`` for the starter pool, else the name of a workspace pool.
        spark_conf: Spark settings, such as ``{"spark.sql.shuffle.partitions": "8"}``.
        session_tag: notebooks with the same tag share a Spark session (high concurrency, at most 5 in one).
        share_session: share Spark sessions with the other notebooks of the run that have the same workspace and compute
            settings and opt in too; session tags are then given by job control.
        driver_cores: cores of the driver; like all sizes, these need the notebook route.
        driver_memory: memory of the driver, such as ``"28g"``.
        executor_cores: cores of one executor.
        executor_memory: memory of one executor, such as ``"28g"``.
        num_executors: number of executors.
        python_cores: cores of a Python (Jupyter) notebook; says that the notebook is one.
    """

    environment: str | None = None
    default_lakehouse: str | None = None
    default_lakehouse_workspace: str | None = None
    spark_pool: str | None = None
    spark_conf: Mapping[str, str] = field(default_factory=dict)
    session_tag: str | None = None
    share_session: bool = False
    driver_cores: int | None = None
    driver_memory: str | None = None
    executor_cores: int | None = None
    executor_memory: str | None = None
    num_executors: int | None = None
    python_cores: int | None = None

    @property
    def needs_notebook_route(self) -> bool:
        """Whether only the notebook route can carry these settings."""
        return bool(self.session_tag or self.share_session or self.python_cores or self.sizes())

    def vcores(self, node_vcores: int) -> int:
        """Spark vCores that a job instance takes up on the capacity.

        Args:
            node_vcores: what a driver or an executor has whose size is not set.
        """
        if self.python_cores is not None:
            return self.python_cores
        driver = self.driver_cores or node_vcores
        # A session without a number of executors starts with driver and executor on one node.
        return driver + (self.num_executors or 0) * (self.executor_cores or node_vcores)

    def problem(self) -> str | None:
        """What is wrong with these settings, ``None`` if nothing is."""
        shares = self.session_tag or self.share_session
        if self.python_cores and (shares or self.spark_pool or self.spark_conf or self.sizes()):
            return "`python_cores` is for Python notebooks and cannot stand beside Spark settings"
        if self.session_tag and self.share_session:
            return (
                "`session_tag` names the session, `share_session` leaves that to job control; set one of them"
            )
        if self.default_lakehouse_workspace and not self.default_lakehouse:
            return "`default_lakehouse_workspace` is set, but no `default_lakehouse`"
        wrong = [name for name, value in self.spark_conf.items() if not isinstance(value, str)]
        if wrong:
            return f"the values of `spark_conf` must be strings: {', '.join(sorted(wrong))}"
        return None

    def sizes(self) -> dict[str, Any]:
        """The sizes that are set, under the API's names."""
        sizes = {
            "driverCores": self.driver_cores,
            "driverMemory": self.driver_memory,
            "executorCores": self.executor_cores,
            "executorMemory": self.executor_memory,
            "numExecutors": self.num_executors,
        }
        return {name: value for name, value in sizes.items() if value is not None}


@dataclass(frozen=True)
class ItemReference:
    """An item with what the two request bodies want to know of it."""

    id: str
    display_name: str
    workspace_id: str


@dataclass(frozen=True)
class ResolvedCompute:
    """Compute settings whose names have been resolved to items."""

    settings: ComputeSettings
    environment: ItemReference | None = None
    default_lakehouse: ItemReference | None = None


def parameter_problem(name: str, value: object) -> str | None:
    """Why Fabric could not take this parameter, ``None`` if it can.

    Fabric has the parameter types string, int, float and bool; JSON has no NaN and no infinity, and Spark's
    integers end at 64 bits.
    """
    if not name.isidentifier():
        return f"parameter {name!r} is no valid name of a variable in a parameters cell"
    if type(value) not in _GENERIC_TYPES:
        return (
            f"parameter {name!r} has the type {type(value).__name__}, which Fabric has not; "
            "it has string, int, float and bool (pass structured values as a JSON string)"
        )
    if isinstance(value, float) and not math.isfinite(value):
        return f"parameter {name!r} is {value}, which JSON cannot carry"
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return f"parameter {name!r} is {value}, which does not fit into 64 bits"
    return None


def generic_execution_data(
    parameters: Mapping[str, ParameterValue], compute: ResolvedCompute | None
) -> dict[str, Any]:
    """``executionData`` of the generic route for job type ``RunNotebook``."""
    data: dict[str, Any] = {
        "parameters": {
            name: {"value": value, "type": _GENERIC_TYPES[type(value)]} for name, value in parameters.items()
        }
    }
    configuration: dict[str, Any] = {}
    if compute is not None:
        settings = compute.settings
        if settings.spark_conf:
            configuration["conf"] = dict(settings.spark_conf)
        if compute.environment is not None:
            configuration["environment"] = {
                "id": compute.environment.id,
                "name": compute.environment.display_name,
            }
        if compute.default_lakehouse is not None:
            configuration["defaultLakehouse"] = {
                "id": compute.default_lakehouse.id,
                "name": compute.default_lakehouse.display_name,
                "workspaceId": compute.default_lakehouse.workspace_id,
            }
        if settings.spark_pool == STARTER_POOL:
            configuration["useStarterPool"] = True
        elif settings.spark_pool:
            configuration["useWorkspacePool"] = settings.spark_pool
    if configuration:
        data["configuration"] = configuration
    return data


def notebook_request_body(
    parameters: Mapping[str, ParameterValue], compute: ResolvedCompute
) -> dict[str, Any]:
    """Body of the notebook route (``RunNotebookRequest`` of the API description)."""
    settings = compute.settings
    configuration: dict[str, Any] = dict(settings.sizes())
    if settings.python_cores is not None:
        configuration["numCores"] = settings.python_cores
    if settings.spark_conf:
        configuration["sparkProperties"] = [
            {"key": key, "value": value} for key, value in settings.spark_conf.items()
        ]
    if settings.spark_pool:
        # "Starter Pool" is the reserved name (InstancePool in spark/definitions.json of the API description).
        name = "Starter Pool" if settings.spark_pool == STARTER_POOL else settings.spark_pool
        configuration["instancePool"] = {"name": name, "type": "Workspace"}
    for name, item in (
        ("attachedEnvironment", compute.environment),
        ("defaultLakehouse", compute.default_lakehouse),
    ):
        if item is not None:
            configuration[name] = {
                "referenceType": "ById",
                "itemId": item.id,
                "workspaceId": item.workspace_id,
            }
    if settings.session_tag:
        configuration["highConcurrencyModeOptions"] = {"enabled": True, "sessionTag": settings.session_tag}
    return {
        "parameters": [
            {"name": name, "value": value, "type": _NOTEBOOK_TYPES[type(value)]}
            for name, value in parameters.items()
        ],
        "executionData": {
            "compute": "Jupyter" if settings.python_cores is not None else "Spark",
            "computeConfiguration": configuration,
        },
    }
