"""A home with data pipelines and notebooks, and an engine that ends notebooks as a test says."""

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from fabric_assets.local.execution import ExecutionError, ExecutionResult, NotebookExecution

NOTEBOOK = "# Fabric notebook source\n\n# CELL ********************\n\nprint(1)\n"


class ScriptedEngine:
    """Ends notebooks at once: ``Fail...`` fails, ``Never...`` runs until cancelled, others give their parameters."""

    def __init__(self) -> None:
        self.executed: list[tuple[str, Mapping[str, Any]]] = []
        self.cancelled: list[str] = []
        self.failures_left: dict[str, int] = {}

    async def execute(self, execution: NotebookExecution, on_started: Callable[[], None]) -> ExecutionResult:
        name = execution.notebook
        self.executed.append((name, dict(execution.parameters)))
        on_started()
        if name.startswith("Never"):
            try:
                await asyncio.get_running_loop().create_future()
            except asyncio.CancelledError:
                self.cancelled.append(name)
                raise
        if self.failures_left.get(name, 0) > 0 or name.startswith("Fail"):
            self.failures_left[name] = self.failures_left.get(name, 0) - 1
            return ExecutionResult(error=ExecutionError("NotebookExecutionFailed", "no such table"))
        return ExecutionResult(exit_value=json.dumps(execution.parameters))

    async def aclose(self) -> None:
        pass

    @property
    def names(self) -> list[str]:
        """The executed notebooks in their order."""
        return [name for name, _ in self.executed]


def write_item(home: Path, name: str, item_type: str, files: Mapping[str, str], logical_id: str = "") -> None:
    """Write an item of the default workspace in Fabric's Git format."""
    folder = home / "workspaces" / "Local" / f"{name}.{item_type}"
    folder.mkdir(parents=True)
    config = {"version": "2.0"} | ({"logicalId": logical_id} if logical_id else {})
    platform = {"metadata": {"type": item_type, "displayName": name}, "config": config}
    for path, text in {".platform": json.dumps(platform), **files}.items():
        (folder / path).write_text(text, encoding="utf-8")


def write_notebook(home: Path, name: str, logical_id: str = "") -> None:
    """Write a notebook."""
    write_item(home, name, "Notebook", {"notebook-content.py": NOTEBOOK}, logical_id)


def write_pipeline(home: Path, name: str, *activities: Any, logical_id: str = "", **properties: Any) -> None:
    """Write a data pipeline."""
    content = {"properties": {"activities": list(activities), **properties}}
    write_item(home, name, "DataPipeline", {"pipeline-content.json": json.dumps(content)}, logical_id)


def activity(name: str, kind: str, *after: str, policy: Any = None, **settings: Any) -> dict[str, Any]:
    """An activity; ``after`` names others, with a condition behind a colon if it is not ``Succeeded``."""
    depends_on = []
    for entry in after:
        other, _, condition = entry.partition(":")
        depends_on.append({"activity": other, "dependencyConditions": [condition or "Succeeded"]})
    return {
        "name": name,
        "type": kind,
        "dependsOn": depends_on,
        "policy": policy or {},
        "typeProperties": settings,
    }


def notebook(name: str, *after: str, run: str = "", policy: Any = None, **parameters: Any) -> dict[str, Any]:
    """A notebook activity; by default it runs the notebook of its own name."""
    typed = {
        key: {"value": value, "type": "int" if isinstance(value, int) else "string"}
        for key, value in parameters.items()
    }
    return activity(name, "TridentNotebook", *after, policy=policy, notebookId=run or name, parameters=typed)


def expression(text: str) -> dict[str, str]:
    """A value that is an expression."""
    return {"value": text, "type": "Expression"}
