r"""The script of a simulation: what notebooks do, how the service behaves, which requests go wrong.

A script is a ``Script``, a dict or a JSON file of the same shape::

    {
      "notebooks": ["Orders", "Customers"],
      "seed": 7,
      "capacity": 2,
      "job_instances": [
        {"notebook": "Orders", "nth": 1, "run_seconds": 0.2, "status": "Failed",
         "failure_reason": {"errorCode": "Boom", "message": "no such table"}},
        {"notebook": "Orders", "run_seconds": [0.1, 0.3], "exit_value": "{\"row_count\": 3}"}
      ],
      "service": {"retry_after_start": 60, "retry_after_running": [29, 45, 3], "lag_seconds": 0.5},
      "faults": [{"method": "POST", "path": "*/jobs/*", "times": 1, "status": 429, "headers": {"Retry-After": "2"}}]
    }

The first entry of ``job_instances`` that fits a start is used; without one it completes at once.
"""

import json
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from fabric_assets.local.errors import LocalFabricError
from fabric_assets.local.script_services import (
    SimulatedFactory,
    SimulatedModelRefresh,
    SimulatedPipelineRun,
    SimulatedSqlRefresh,
    SqlResultShape,
)

_T = TypeVar("_T")


@dataclass(frozen=True)
class SimulatedItem:
    """An item that exists without files, such as a ``DataPipeline`` or a ``Lakehouse``."""

    type: str
    name: str


@dataclass(frozen=True)
class SimulatedStatus:
    """A status that a read shows in between, from some seconds after the start of the execution."""

    status: str
    after_seconds: float = 0.0


@dataclass(frozen=True)
class SimulatedJobInstance:
    """What becomes of a started job instance.

    Attributes:
        notebook: name pattern (``*``, ``?``), without case, of a notebook or of any other item.
        item_type: pattern of the item's type, such as ``DataPipeline``.
        job_type: pattern of the job type, such as ``TableMaintenance``.
        nth: only for the nth start of a job type of an item, counted from 1; ``None``: for every start.
        queued_seconds: time as ``NotStarted``; a number or ``[least, most]``.
        session_start_seconds: time until a new session is there; nothing if a session is shared.
        run_seconds: time of the notebook itself.
        status: how it ends: any text, unknown ones too; ``Deduped`` ends it at once.
        exit_value: what the notebook passed to ``exit``.
        failure_reason: ``errorCode`` and ``message``; by default Fabric's own text for ``Failed``.
        statuses: statuses shown while it runs, instead of ``InProgress``.
        never_ends: it runs until it is cancelled.
        invoke_type: ``Manual``, or ``Scheduled`` as if Fabric's own schedule had started it.
    """

    notebook: str = "*"
    item_type: str = "*"
    job_type: str = "*"
    nth: int | None = None
    queued_seconds: float | tuple[float, float] = 0.0
    session_start_seconds: float | tuple[float, float] = 0.0
    run_seconds: float | tuple[float, float] = 0.0
    status: str = "Completed"
    exit_value: str | None = None
    failure_reason: Mapping[str, Any] | None = None
    statuses: tuple[SimulatedStatus, ...] = ()
    never_ends: bool = False
    invoke_type: str = "Manual"


@dataclass(frozen=True)
class Service:
    """How the service answers. The defaults are what was recorded from Fabric.

    Attributes:
        retry_after_start: ``Retry-After`` of a start and a cancel.
        retry_after_running: ``Retry-After`` of reads while it runs, one after the other as time passes.
        unseen_seconds: how long after a start reads do not know the job instance.
        unseen_as: what such a read answers: ``404``, or a job instance with ``RequestExecutionFailed``.
        lag_seconds: how far the shown status is behind.
        end_time_on_cancel: whether a cancelled job instance shows ``endTimeUtc``.
        location: ``Location`` of a start: the ``instance``, the ``collection``, ``missing``, or on a ``foreign`` host.
        foreign_host: that host.
        x_ms_job_id: whether a start answers with the header ``x-ms-job-id``.
        exit_value_at_top: whether the generic read shows ``exitValue``.
        cancel_seconds: how long a cancel takes to take effect.
        calls_per_minute: quota, one for the job routes and one for all others; ``None``: no limit.
        token_seconds: how long a token is good; ``None``: for ever.
        long_running: whether ``getDefinition``, ``updateDefinition`` and creating items answer ``202``.
        operation_seconds: how long such an operation takes.
        page_size: entries in one page of a list.
        sql_result: shape of a metadata refresh's result: ``object`` with ``value``, or a bare ``list``.
    """

    retry_after_start: float = 60
    retry_after_running: tuple[float, ...] = (29, 45, 3)
    unseen_seconds: float = 0.0
    unseen_as: Literal["404", "RequestExecutionFailed"] = "404"
    lag_seconds: float = 0.0
    end_time_on_cancel: bool = True
    location: Literal["instance", "collection", "missing", "foreign"] = "instance"
    foreign_host: str = "wabi-west-europe-redirect.analysis.windows.net"
    x_ms_job_id: bool = False
    exit_value_at_top: bool = True
    cancel_seconds: float = 0.0
    calls_per_minute: int | None = None
    token_seconds: float | None = None
    long_running: bool = False
    operation_seconds: float = 0.0
    page_size: int = 100
    sql_result: SqlResultShape = "object"


@dataclass(frozen=True)
class Fault:
    """A request that goes wrong on the way.

    Attributes:
        method: HTTP method; ``*``: any.
        path: pattern (``*``, ``?``) of the path with its query, without case.
        skip: so many fitting requests pass unharmed first.
        rate: of those that follow, this share (0 to 1) goes wrong, drawn by the script's seed.
        times: until so many went wrong; ``None``: no end.
        status: answer this status; ``None``: let the request through (after ``delay_seconds``).
        headers: with these headers.
        body: with this body: JSON, or text (sent as ``text/html``).
        acted: whether the service does its work before it answers ``status``.
        delay_seconds: wait before anything else.
        drop: break the connection ``before`` the service sees the request, or ``after`` it did its work.
    """

    method: str = "*"
    path: str = "*"
    skip: int = 0
    rate: float = 1.0
    times: int | None = 1
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    acted: bool = False
    delay_seconds: float = 0.0
    drop: Literal["before", "after"] | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.rate <= 1:
            raise LocalFabricError(f"rate of a fault is {self.rate}, but must be between 0 and 1")


@dataclass(frozen=True)
class Script:
    """A whole simulation.

    Attributes:
        notebooks: names of notebooks that exist without files, or how many of them (``Notebook_0001`` ...).
        items: other items that exist without files.
        seed: for durations that are given as a range, and for faults with a rate.
        capacity: so many Spark jobs run at a time, the next one fails as on a full capacity; ``None``: no limit.
        job_instances: what becomes of started job instances.
        sql_refreshes: what becomes of metadata refreshes of SQL endpoints.
        model_refreshes: what becomes of refreshes of semantic models.
        factories: Azure Data Factories.
        pipeline_runs: what becomes of runs of their pipelines.
        service: how the service answers.
        faults: requests that go wrong.
    """

    notebooks: tuple[str, ...] | int = ()
    items: tuple[SimulatedItem, ...] = ()
    seed: int = 0
    capacity: int | None = None
    job_instances: tuple[SimulatedJobInstance, ...] = ()
    sql_refreshes: tuple[SimulatedSqlRefresh, ...] = ()
    model_refreshes: tuple[SimulatedModelRefresh, ...] = ()
    factories: tuple[SimulatedFactory, ...] = ()
    pipeline_runs: tuple[SimulatedPipelineRun, ...] = ()
    service: Service = field(default_factory=Service)
    faults: tuple[Fault, ...] = ()

    @property
    def notebook_names(self) -> tuple[str, ...]:
        """The names of the notebooks that exist without files."""
        if isinstance(self.notebooks, int):
            return tuple(f"Notebook_{number:04}" for number in range(1, self.notebooks + 1))
        return self.notebooks

    @property
    def simulated_items(self) -> tuple[SimulatedItem, ...]:
        """All items that exist without files."""
        return (*(SimulatedItem("Notebook", name) for name in self.notebook_names), *self.items)


def load_script(script: "Script | Mapping[str, Any] | str | Path") -> Script:
    """A script from a dict or a JSON file.

    Raises:
        LocalFabricError: it cannot be read, or has something that a script does not know.
    """
    if isinstance(script, Script):
        return script
    if isinstance(script, str | Path):
        try:
            script = json.loads(Path(script).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LocalFabricError(f"the simulation script {script} cannot be read: {error}") from error
    return convert(script, Script, "script")


def convert(value: Any, kind: type[_T], where: str) -> _T:
    """A script's entry from its JSON.

    Raises:
        LocalFabricError: it has something that such an entry does not know; the message begins with ``where``.
    """
    loaded = _convert(value, kind, where)
    assert isinstance(loaded, kind)  # noqa: S101 - _convert returns what it was asked for
    return loaded


def _convert(value: Any, kind: Any, where: str) -> Any:
    """``value`` as ``kind``, with the place in the script for an error."""
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return _convert_union(value, typing.get_args(kind), where)
    if origin is Literal:
        if value not in typing.get_args(kind):
            raise _wrong(where, value, f"one of {', '.join(map(repr, typing.get_args(kind)))}")
        return value
    if origin is tuple:
        return _convert_tuple(value, typing.get_args(kind), where)
    if is_dataclass(kind):
        return _convert_object(value, kind, where)
    if kind is Any:
        return value
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        if value < 0:
            raise _wrong(where, value, "zero or more")
        return float(value)
    accepted = Mapping if origin is not None else kind
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        raise _wrong(where, value, f"a {getattr(accepted, '__name__', accepted)}")
    return value


def _convert_union(value: Any, kinds: tuple[Any, ...], where: str) -> Any:
    if value is None and types.NoneType in kinds:
        return None
    reasons = []
    for kind in kinds:
        if kind is not types.NoneType:
            try:
                return _convert(value, kind, where)
            except LocalFabricError as error:
                reasons.append(error)
    raise (
        reasons[0] if len(reasons) == 1 else _wrong(where, value, " or ".join(_name(kind) for kind in kinds))
    )


def _convert_tuple(value: Any, kinds: tuple[Any, ...], where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise _wrong(where, value, "a list")
    if kinds[-1] is Ellipsis:
        return tuple(_convert(entry, kinds[0], f"{where}[{index}]") for index, entry in enumerate(value))
    if len(value) != len(kinds):
        raise _wrong(where, value, f"a list of {len(kinds)}")
    return tuple(_convert(entry, kind, where) for entry, kind in zip(value, kinds, strict=True))


def _convert_object(value: Any, kind: Any, where: str) -> Any:
    if isinstance(value, kind):
        return value
    if not isinstance(value, Mapping):
        raise _wrong(where, value, "an object")
    hints = typing.get_type_hints(kind)
    known = {entry.name: entry for entry in fields(kind)}
    if unknown := sorted(set(value) - set(known)):
        raise LocalFabricError(
            f"{where} has an unknown field '{unknown[0]}'; there are {', '.join(sorted(known))}"
        )
    for name, entry in known.items():
        if entry.default is MISSING and entry.default_factory is MISSING and name not in value:
            raise LocalFabricError(f"{where} needs the field '{name}'")
    return kind(**{name: _convert(entry, hints[name], f"{where}.{name}") for name, entry in value.items()})


def _name(kind: Any) -> str:
    return "null" if kind is types.NoneType else getattr(kind, "__name__", str(kind))


def _wrong(where: str, value: Any, expected: str) -> LocalFabricError:
    return LocalFabricError(f"{where} is {json.dumps(value, default=str)}, but must be {expected}")
