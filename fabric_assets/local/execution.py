"""What the server asks of an engine, and what it gets back: one notebook execution."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from fabric_assets.local.home import LocalHome

ParameterValue = str | int | float | bool


@dataclass(frozen=True)
class LakehouseRef:
    """A lakehouse by the display names of its workspace and itself, with its item id."""

    workspace: str
    name: str
    item_id: str


@dataclass(frozen=True)
class NotebookExecution:
    """One notebook to execute: everything an engine may know of the job instance.

    Attributes:
        home: the local Fabric's folder.
        job_instance_id: id of the job instance; also names the folder that keeps the executed notebook.
        workspace: display name of the notebook's workspace.
        workspace_id: its id.
        notebook: display name of the notebook.
        notebook_id: its item id.
        source: its source file: ``X.Notebook/notebook-content.py`` (``.sql``, ``.scala``, ``.r``) or ``.ipynb``.
        parameters: name to value, injected after the parameters cell. Names match without case.
        lakehouses: all lakehouses of all workspaces, for names without case.
        notebooks: display name to source of the workspace's notebooks, for ``%run`` and ``notebook.run``.
        notebook_ids: display name to item id of the same notebooks.
        default_lakehouse: the lakehouse that the job's configuration names; ``None``: the source's own.
        spark_conf: Spark settings of the job's configuration.
    """

    home: LocalHome
    job_instance_id: str
    workspace: str
    workspace_id: str
    notebook: str
    notebook_id: str
    source: Path
    parameters: Mapping[str, ParameterValue] = field(default_factory=dict)
    lakehouses: tuple[LakehouseRef, ...] = ()
    notebooks: Mapping[str, Path] = field(default_factory=dict)
    notebook_ids: Mapping[str, str] = field(default_factory=dict)
    default_lakehouse: LakehouseRef | None = None
    spark_conf: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ExecutionError:
    """Why a notebook did not complete: Fabric's ``failureReason`` without the ids."""

    error_code: str
    message: str


@dataclass(frozen=True)
class ExecutionResult:
    """How a notebook ended.

    Attributes:
        exit_value: what it passed to ``exit``.
        error: why it failed; ``None`` if it completed.
        status: another end than ``Completed`` and ``Failed``; only the simulation has such.
    """

    exit_value: str | None = None
    error: ExecutionError | None = None
    status: str | None = None


class Engine(Protocol):
    """Executes notebooks. Implemented by the kernel engine and by the simulation."""

    async def execute(self, execution: NotebookExecution, on_started: Callable[[], None]) -> ExecutionResult:
        """Execute one notebook to its end.

        A notebook that fails is a result with an error, not an exception. Cancelling the awaiting task stops the
        kernel, keeps what was executed so far, and re-raises.

        Args:
            execution: what to execute.
            on_started: called once, when the kernel is ready and the first cell begins.
        """
        ...

    async def aclose(self) -> None:
        """Stop what still runs. Idempotent."""
        ...
