"""The kernel engine: one kernel process a notebook execution."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellExecutionError, DeadKernelError

from fabric_assets.local.engine.executed_notebook import build_notebook, cell_label
from fabric_assets.local.engine.kernel.context import KernelContext
from fabric_assets.local.engine.kernel_process import KernelProcess
from fabric_assets.local.engine.notebook_client import LimitedNotebookClient, failure_message, tidy
from fabric_assets.local.execution import ExecutionError, ExecutionResult, NotebookExecution
from fabric_assets.local.home import LocalHome
from fabric_assets.local.lakehouse import Lakehouse, LakehouseNotFoundError, OneLake
from fabric_assets.local.notebook_source import NotebookSource, NotebookSourceError, parse_notebook

_EXIT_EXCEPTION = "NotebookExit"
_START_TIMEOUT_SECONDS = 120
_KERNELS = ("synapse_pyspark", "jupyter")


class _NotExecutableError(Exception):
    """A notebook that cannot even be started."""

    def __init__(self, error_code: str, message: str) -> None:
        super().__init__(message)
        self.error = ExecutionError(error_code, message)


@dataclass
class _Record:
    """What is kept of an execution."""

    execution: NotebookExecution
    document: nbformat.NotebookNode = field(default_factory=nbformat.v4.new_notebook)
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    status: str = "Cancelled"
    result: ExecutionResult = field(default_factory=ExecutionResult)


class KernelEngine:
    """Executes notebooks, each in a kernel process of its own that ends with it."""

    def __init__(self, home: LocalHome) -> None:
        self._home = home
        self._kernels: set[KernelProcess] = set()

    async def execute(self, execution: NotebookExecution, on_started: Callable[[], None]) -> ExecutionResult:
        """Execute one notebook to its end; see `Engine.execute`."""
        folder = self._home.job_instance(execution.job_instance_id)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        record = _Record(execution)
        try:
            record.result = await self._execute(record, folder, on_started)
            record.status = "Failed" if record.result.error else "Completed"
        except _NotExecutableError as error:
            record.result = ExecutionResult(error=error.error)
            record.status = "Failed"
        finally:
            await _finish(asyncio.to_thread(_keep, record, folder))
        return record.result

    async def aclose(self) -> None:
        """Kill the kernels that still run."""
        await asyncio.gather(*(kernel.kill() for kernel in list(self._kernels)))

    async def _execute(
        self, record: _Record, folder: Path, on_started: Callable[[], None]
    ) -> ExecutionResult:
        execution = record.execution
        source = _parsed(execution)
        default = _default_lakehouse(execution, source)
        record.document = build_notebook(source, execution.parameters)
        context = _context(execution, source, default, folder)
        kernel = KernelProcess(context, folder / "kernel.log")
        self._kernels.add(kernel)
        try:
            working_folder = default.folder if default else folder
            if default:
                default.create_folders()
            client = _client(kernel, record.document)
            await _start(kernel, client, working_folder, folder)
            on_started()
            return await _execute_cells(client, kernel)
        finally:
            await _finish(kernel.kill())
            self._kernels.discard(kernel)
            kernel.exit_file.unlink(missing_ok=True)


def _client(kernel: KernelProcess, document: nbformat.NotebookNode) -> LimitedNotebookClient:
    client = LimitedNotebookClient(
        document,
        km=kernel.manager,
        timeout=None,
        startup_timeout=_START_TIMEOUT_SECONDS,
        allow_error_names=[_EXIT_EXCEPTION],
        store_widget_state=False,
    )
    kernel.before_kill = client.close
    return client


async def _start(
    kernel: KernelProcess, client: LimitedNotebookClient, working_folder: Path, folder: Path
) -> None:
    try:
        await kernel.start(working_folder)
        await client.async_start_new_kernel_client()
    except (OSError, RuntimeError) as error:
        log = folder / "kernel.log"
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-5:] if log.exists() else []
        raise _NotExecutableError(
            "KernelStartFailed",
            "\n".join([f"the kernel did not start: {error}", *lines, f"The full log: {log}"]),
        ) from error


async def _execute_cells(client: LimitedNotebookClient, kernel: KernelProcess) -> ExecutionResult:
    for index, cell in enumerate(client.nb.cells):
        if cell.cell_type != "code" or not cell.source.strip():
            continue
        # nbclient takes any cancellation for a dead kernel, so the cancelled one must not be its task.
        task = asyncio.ensure_future(client.async_execute_cell(cell, index))
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError:
            task.cancel()
            with contextlib.suppress(DeadKernelError, CellExecutionError, asyncio.CancelledError):
                await task
            raise
        try:
            task.result()
        except CellExecutionError as error:
            exit_value = _exit_value(kernel)
            if exit_value is not None:
                return ExecutionResult(exit_value=exit_value)
            return ExecutionResult(
                error=ExecutionError("NotebookExecutionFailed", failure_message(cell, error))
            )
        except DeadKernelError:
            return ExecutionResult(error=_died(cell))
        exit_value = _exit_value(kernel)
        if exit_value is not None:
            return ExecutionResult(exit_value=exit_value)
    return ExecutionResult()


def _died(cell: nbformat.NotebookNode) -> ExecutionError:
    return ExecutionError(
        "KernelDied",
        f"{cell_label(cell)} ended the kernel: the process exited or was killed while the cell ran. Usual causes: "
        "more memory than the machine has, os._exit, a crash in a native library.",
    )


def _exit_value(kernel: KernelProcess) -> str | None:
    try:
        return str(json.loads(kernel.exit_file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None


def _parsed(execution: NotebookExecution) -> NotebookSource:
    try:
        source = parse_notebook(execution.source)
    except NotebookSourceError as error:
        raise _NotExecutableError(
            "NotebookSourceInvalid", f"notebook '{execution.notebook}': {error}"
        ) from error
    if source.kernel not in _KERNELS:
        raise _NotExecutableError(
            "NotSupportedLocally",
            f"notebook '{execution.notebook}' is written for the kernel '{source.kernel}'; the local Fabric executes "
            f"Spark notebooks (synapse_pyspark) and Python notebooks (jupyter). Run it in Fabric.",
        )
    return source


def _lakehouses(execution: NotebookExecution) -> list[Lakehouse]:
    return [
        Lakehouse(ref.workspace, ref.name, ref.item_id, execution.home.lakehouse(ref.workspace, ref.name))
        for ref in execution.lakehouses
    ]


def _default_lakehouse(execution: NotebookExecution, source: NotebookSource) -> Lakehouse | None:
    onelake = OneLake(_lakehouses(execution), execution.workspace)
    if execution.default_lakehouse:
        ref = execution.default_lakehouse
        return onelake.find(ref.item_id) or onelake.find(ref.name, ref.workspace)
    setting = source.default_lakehouse
    if setting is None:
        return None
    # A source that came from another workspace names an id that is unknown here; its name counts then.
    found = onelake.find(setting.id) if setting.id else None
    if found is None:
        try:
            return onelake.get(setting.name or setting.id)
        except LakehouseNotFoundError as error:
            raise _NotExecutableError(
                "LakehouseNotFound",
                f"the default lakehouse of notebook '{execution.notebook}' ({source.path}): {error}",
            ) from error
    return found


def _context(
    execution: NotebookExecution, source: NotebookSource, default: Lakehouse | None, folder: Path
) -> KernelContext:
    lakehouses = [
        {
            "workspace": each.workspace,
            "name": each.name,
            "item_id": each.item_id,
            "folder": str(each.folder.resolve()),
        }
        for each in _lakehouses(execution)
    ]
    return KernelContext(
        job_instance_id=execution.job_instance_id,
        workspace=execution.workspace,
        workspace_id=execution.workspace_id,
        notebook=execution.notebook,
        notebook_id=execution.notebook_id,
        kernel=source.kernel,
        exit_file=str((folder / "exit_value.json").resolve()),
        lakehouses=tuple(lakehouses),
        default_lakehouse=default.item_id if default else "",
        notebooks={name: str(path.resolve()) for name, path in execution.notebooks.items()},
        notebook_ids=dict(execution.notebook_ids),
        parameters=dict(execution.parameters),
        spark_conf=dict(execution.spark_conf),
    )


def _keep(record: _Record, folder: Path) -> None:
    from fabric_assets.local.engine.page import PageHeader, render_page

    execution = record.execution
    tidy(record.document)
    nbformat.write(record.document, folder / "notebook.ipynb")  # type: ignore[no-untyped-call]
    header = PageHeader(
        notebook=execution.notebook,
        workspace=execution.workspace,
        job_instance_id=execution.job_instance_id,
        status=record.status,
        parameters=execution.parameters,
        start=record.start,
        end=datetime.now(UTC),
        exit_value=record.result.exit_value,
        error=record.result.error,
    )
    (folder / "notebook.html").write_text(render_page(header, record.document), encoding="utf-8")


async def _finish(work: Coroutine[Any, Any, None]) -> None:
    """Await work to its end, even if the awaiting task is cancelled meanwhile."""
    task = asyncio.ensure_future(work)
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    task.result()
    if cancelled:
        raise asyncio.CancelledError
