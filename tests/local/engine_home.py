"""A small home for tests of the engine, and a way to execute its notebooks."""

import asyncio
import contextlib
import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fabric_assets.local.engine import KernelEngine
from fabric_assets.local.execution import (
    ExecutionError,
    ExecutionResult,
    LakehouseRef,
    NotebookExecution,
    ParameterValue,
)
from fabric_assets.local.home import LocalHome

WORKSPACE = "Local"
WORKSPACE_ID = "0a0a0a0a-0000-0000-0000-000000000001"
LAKEHOUSES = {
    "Base": "0a0a0a0a-0000-0000-0000-0000000000b0",
    "Curated": "0a0a0a0a-0000-0000-0000-0000000000c0",
}


class EngineHome:
    """A home with lakehouses ``Base`` and ``Curated``; ``Curated`` is the default one of its notebooks."""

    def __init__(self, root: Path) -> None:
        self.home = LocalHome(root)
        self.notebooks: dict[str, Path] = {}
        self.extra_lakehouses: tuple[LakehouseRef, ...] = ()
        for name in LAKEHOUSES:
            for folder in ("Files", "Tables"):
                (self.home.lakehouse(WORKSPACE, name) / folder).mkdir(parents=True)

    def add(self, name: str, *cells: str, kernel: str = "jupyter", lakehouse: str = "Curated") -> None:
        """Write a notebook; a cell that begins with ``#PARAMETERS`` or ``#MARKDOWN`` is one of that kind."""
        metadata = {
            "kernel_info": {"name": kernel},
            "dependencies": {"lakehouse": {"default_lakehouse_name": lakehouse}} if lakehouse else {},
        }
        entries = []
        for cell in cells:
            tags = {"tags": ["parameters"]} if cell.startswith("#PARAMETERS") else {}
            kind = "markdown" if cell.startswith("#MARKDOWN") else "code"
            entries.append({"cell_type": kind, "metadata": tags, "source": cell.removeprefix("#MARKDOWN\n")})
        path = self.home.workspaces / WORKSPACE / f"{name}.ipynb"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"nbformat": 4, "metadata": metadata, "cells": entries}), encoding="utf-8")
        self.notebooks[name] = path

    def lakehouse(self, name: str) -> Path:
        """The folder of a lakehouse."""
        return self.home.lakehouse(WORKSPACE, name)

    def execution(
        self, name: str, parameters: Mapping[str, ParameterValue] | None = None
    ) -> NotebookExecution:
        """What the server would hand to the engine."""
        own = tuple(LakehouseRef(WORKSPACE, known, item_id) for known, item_id in LAKEHOUSES.items())
        return NotebookExecution(
            home=self.home,
            job_instance_id=str(uuid.uuid4()),
            workspace=WORKSPACE,
            workspace_id=WORKSPACE_ID,
            notebook=name,
            notebook_id=f"id-of-{name}",
            source=self.notebooks[name],
            parameters=dict(parameters or {}),
            lakehouses=own + self.extra_lakehouses,
            notebooks=self.notebooks,
            notebook_ids={known: f"id-of-{known}" for known in self.notebooks},
        )

    def run(self, name: str, parameters: Mapping[str, ParameterValue] | None = None) -> "Executed":
        """Execute a notebook of this home to its end."""
        execution = self.execution(name, parameters)
        result = asyncio.run(_execute(execution))
        return Executed(execution, result)


class Executed:
    """What became of one execution."""

    def __init__(self, execution: NotebookExecution, result: ExecutionResult) -> None:
        self.execution = execution
        self.folder = execution.home.job_instance(execution.job_instance_id)
        self.result = result

    @property
    def value(self) -> Any:
        """The exit value as JSON."""
        assert self.result.error is None, self.result.error
        assert self.result.exit_value is not None
        return json.loads(self.result.exit_value)

    @property
    def error(self) -> ExecutionError:
        """Why it failed."""
        assert self.result.error is not None
        return self.result.error

    @property
    def document(self) -> dict[str, Any]:
        """The kept notebook."""
        document: dict[str, Any] = json.loads((self.folder / "notebook.ipynb").read_text(encoding="utf-8"))
        return document

    @property
    def page(self) -> str:
        """The kept page."""
        return (self.folder / "notebook.html").read_text(encoding="utf-8")

    def outputs(self, cell: int) -> list[dict[str, Any]]:
        """Outputs of the cell at this index of the kept notebook."""
        outputs: list[dict[str, Any]] = self.document["cells"][cell]["outputs"]
        return outputs

    def text(self, cell: int) -> str:
        """What the cell printed."""
        streams = [output["text"] for output in self.outputs(cell) if output["output_type"] == "stream"]
        return "".join("".join(text) for text in streams)


async def _execute(execution: NotebookExecution) -> ExecutionResult:
    engine = KernelEngine(execution.home)
    with contextlib.closing(_Closed(engine)):
        result = await engine.execute(execution, lambda: None)
        await engine.aclose()
        return result


class _Closed:
    def __init__(self, engine: KernelEngine) -> None:
        self.engine = engine

    def close(self) -> None:
        assert not self.engine._kernels
