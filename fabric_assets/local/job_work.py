"""What a started job instance does: a notebook on an engine, a pipeline's activities, or nothing that is known here."""

import asyncio
import importlib
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from contextlib import nullcontext
from typing import Any

from fabric_assets.local.execution import Engine, ExecutionError, ExecutionResult, NotebookExecution
from fabric_assets.local.home import LocalHome
from fabric_assets.local.items import Item
from fabric_assets.local.pipelines.interpreter import run_pipeline
from fabric_assets.local.pipelines.surroundings import Surroundings
from fabric_assets.local.simulate import SimulatedEngine
from fabric_assets.local.state import JobInstance

Work = Callable[[Callable[[], None]], Awaitable[ExecutionResult]]
"""Does what a job instance is for; calls its argument when that begins. A failure is a result."""

_LOG = logging.getLogger(__name__)


class NotebookWork:
    """Executes notebooks on the engine, which is loaded with the first of them.

    Args:
        home: the local Fabric's folder.
        engine: executes notebooks; ``None``: real kernels.
        max_kernels: so many run at once on real kernels, the others wait.
    """

    def __init__(self, home: LocalHome, engine: Engine | None, max_kernels: int | None) -> None:
        self._home = home
        self._engine = engine
        self._engine_lock = asyncio.Lock()
        slots = max_kernels or max(2, os.cpu_count() or 2)
        self._slots = nullcontext() if isinstance(engine, SimulatedEngine) else asyncio.Semaphore(slots)

    async def execute(self, execution: NotebookExecution, on_started: Callable[[], None]) -> ExecutionResult:
        """Execute a notebook; every failure is a result."""
        async with self._slots:
            try:
                engine = await self._loaded_engine()
                return await engine.execute(execution, on_started)
            except ImportError as error:
                message = f"The notebook engine cannot be loaded ({error}). Run `pip install 'fabric_assets[local]'`."
                return ExecutionResult(error=ExecutionError("LocalEngineMissing", message))
            except Exception as error:  # noqa: BLE001 - a fault of the engine ends one job instance, not the server
                _LOG.exception("job instance %s: the engine failed", execution.job_instance_id)
                message = f"The local notebook engine failed: {type(error).__name__}: {error}"
                return ExecutionResult(error=ExecutionError("LocalEngineError", message))

    async def aclose(self) -> None:
        """Stop what the engine still runs."""
        if self._engine is not None:
            await self._engine.aclose()

    async def _loaded_engine(self) -> Engine:
        async with self._engine_lock:
            if self._engine is None:
                module = await asyncio.to_thread(importlib.import_module, "fabric_assets.local.engine")
                engine: Engine = module.KernelEngine(self._home)
                self._engine = engine
            return self._engine


async def run_pipeline_work(
    surroundings: Surroundings, parameters: Mapping[str, Any], on_started: Callable[[], None]
) -> ExecutionResult:
    """Run a data pipeline; it needs no slot of its own, the notebooks that it starts do."""
    on_started()
    return ExecutionResult(error=await run_pipeline(surroundings, parameters))


def unsupported(item: Item, job_instance: JobInstance) -> Work:
    """Fails: Fabric has this job type, the local Fabric cannot execute it."""

    async def fail(on_started: Callable[[], None]) -> ExecutionResult:
        on_started()
        message = (
            f"The local Fabric does not execute the job type {job_instance.job_type} of a {item.type} "
            f"('{item.display_name}'); it executes notebooks and data pipelines. Run this job in Fabric, "
            "or leave its asset out of local runs."
        )
        return ExecutionResult(error=ExecutionError("NotSupportedLocally", message))

    return fail
