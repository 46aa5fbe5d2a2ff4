"""What a script says of the services around job instances: SQL endpoints, semantic models, Azure Data Factory."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Seconds = float | tuple[float, float]
"""A duration: a number, or ``(least, most)`` to be drawn by the script's seed."""


@dataclass(frozen=True)
class SimulatedTable:
    """What becomes of one table, when a SQL endpoint or a semantic model is refreshed.

    Attributes:
        name: the table's name.
        status: ``Success``, ``Failure`` or ``NotRun`` for a SQL endpoint; a semantic model knows ``Failure`` only.
        error: ``errorCode`` and ``message`` of a failure.
    """

    name: str
    status: str = "Success"
    error: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class SimulatedSqlRefresh:
    """What becomes of a metadata refresh of a SQL endpoint.

    Attributes:
        endpoint: name pattern (``*``, ``?``) of the endpoint, which is its lakehouse's name; without case.
        nth: only for the nth refresh of an endpoint, counted from 1; ``None``: for every one.
        run_seconds: how long the operation runs; zero: it is answered at once with ``200``.
        tables: the tables of the result.
        error: ``errorCode`` and ``message`` of an operation that fails as a whole.
        never_ends: the operation runs for ever.
    """

    endpoint: str = "*"
    nth: int | None = None
    run_seconds: Seconds = 0.0
    tables: tuple[SimulatedTable, ...] = ()
    error: Mapping[str, Any] | None = None
    never_ends: bool = False


@dataclass(frozen=True)
class SimulatedModelRefresh:
    """What becomes of a refresh of a semantic model.

    Attributes:
        model: name pattern (``*``, ``?``) of the semantic model, without case.
        nth: only for the nth refresh of a model, counted from 1; ``None``: for every one.
        queued_seconds: time as ``NotStarted``.
        run_seconds: time as ``InProgress``.
        status: how it ends: ``Completed``, ``Failed``, ``Disabled``, ``Cancelled`` or any other text.
        extended_status: the extended status at the end, such as ``TimedOut``; by default the status.
        tables: the model's tables; one with the status ``Failure`` lets the refresh fail.
        error: ``errorCode`` and ``message`` of a failure.
        never_ends: it runs until it is cancelled.
    """

    model: str = "*"
    nth: int | None = None
    queued_seconds: Seconds = 0.0
    run_seconds: Seconds = 0.0
    status: str = "Completed"
    extended_status: str | None = None
    tables: tuple[SimulatedTable, ...] = ()
    error: Mapping[str, Any] | None = None
    never_ends: bool = False


@dataclass(frozen=True)
class SimulatedActivity:
    """One activity of a pipeline run.

    Attributes:
        name: its name.
        type: its type, such as ``Copy``.
        status: ``Succeeded``, ``Failed``, ``Cancelled`` or ``Skipped``.
        error: ``errorCode`` and ``message`` of a failure.
        output: what it gives.
    """

    name: str
    type: str = "Copy"
    status: str = "Succeeded"
    error: Mapping[str, Any] | None = None
    output: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class SimulatedPipelineRun:
    """What becomes of a run of an Azure Data Factory pipeline.

    Attributes:
        factory: name pattern (``*``, ``?``) of the factory, without case.
        pipeline: name pattern of the pipeline.
        nth: only for the nth run of a pipeline, counted from 1; ``None``: for every one.
        queued_seconds: time as ``Queued``.
        run_seconds: time as ``InProgress``.
        status: how it ends: ``Succeeded``, ``Failed``, ``Cancelled`` or any other text.
        message: the run's message; by default a failed activity's.
        activities: the activity runs.
        never_ends: it runs until it is cancelled.
        trigger: name of the trigger that the run shows as its caller; ``None``: it was started by hand.
    """

    factory: str = "*"
    pipeline: str = "*"
    nth: int | None = None
    queued_seconds: Seconds = 0.0
    run_seconds: Seconds = 0.0
    status: str = "Succeeded"
    message: str | None = None
    activities: tuple[SimulatedActivity, ...] = ()
    never_ends: bool = False
    trigger: str | None = None


@dataclass(frozen=True)
class SimulatedFactory:
    """An Azure Data Factory and its pipelines; any subscription and resource group leads to it."""

    name: str
    pipelines: tuple[str, ...] = ()


SqlResultShape = Literal["object", "list"]
"""Shape of a metadata refresh's result: documented today as an object with ``value``, during the preview as a list."""
