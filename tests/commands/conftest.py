"""A folder to run commands in, with a code location of its own."""

import itertools
import json
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dagster._core.definitions.definitions_load_context import DefinitionsLoadContext

from fabric_assets import cli
from fabric_assets.local import ServedFabric

DEADLINE_SECONDS = 90
_NUMBERS = itertools.count(1)
_BEGINNING = """
import dagster as dg
from fabric_assets import DataFactoryResource, FabricResource, fabric_executor, notebook_asset
from fabric_assets.arguments import fixed, config_field
"""


class Place:
    """A project's folder, which is the current one.

    Attributes:
        root: the folder.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self._monkeypatch = monkeypatch

    def use(self, fabric: ServedFabric) -> None:
        """Let the environment mean this Fabric."""
        self.set(
            FABRIC_API_URL=fabric.url,
            FABRIC_ACCESS_TOKEN=fabric.token,
            FABRIC_WORKSPACE_ID=fabric.workspace_id,
        )

    def set(self, **variables: str) -> None:
        """Set environment variables."""
        for name, value in variables.items():
            self._monkeypatch.setenv(name, value)

    def define(
        self,
        code: str,
        *,
        executor: str = "fabric_executor",
        fields: str = "poll_seconds=0.02",
        data_factory: str | None = None,
    ) -> None:
        """Write the code location: statements that set ``assets``; ``data_factory`` are that resource's fields."""
        # Of this process alone: Python keeps modules by their names.
        name = f"place_{next(_NUMBERS)}"
        more = "" if data_factory is None else f', "data_factory": DataFactoryResource({data_factory})'
        ending = f"""
resources = {{"fabric": FabricResource({fields}){more}}}
defs = dg.Definitions(assets=assets, resources=resources, executor={executor})
"""
        (self.root / f"{name}.py").write_text(_BEGINNING + textwrap.dedent(code) + ending)
        (self.root / "workspace.yaml").write_text(
            f"load_from:\n  - python_module:\n      module_name: {name}\n      working_directory: .\n"
        )

    def dagster_home(self) -> Path:
        """Set ``DAGSTER_HOME`` to a new folder."""
        home = self.root / "dagster_home"
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
        self.set(DAGSTER_HOME=str(home))
        return home

    def start(self, *arguments: str, before: str = "pass") -> "subprocess.Popen[str]":
        """Run a command in a process of its own, after the statement ``before``."""
        program = f"{before}\nimport sys; from fabric_assets.cli import main; sys.exit(main(sys.argv[1:]))"
        return subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    context = DefinitionsLoadContext._instance
    yield Place(root, monkeypatch)
    DefinitionsLoadContext._instance = context


def wait_for(what: str, reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not reached():
        assert time.monotonic() < deadline, f"never {what}"
        time.sleep(0.05)


def checks(
    capfd: pytest.CaptureFixture[str], *arguments: str, exit_code: int = 0
) -> dict[str, dict[str, str]]:
    """What ``doctor --json`` says, by the checks' names."""
    assert cli.main(["doctor", "--json", *arguments]) == exit_code
    shown: Any = json.loads(capfd.readouterr().out)
    assert all(set(check) == {"name", "status", "message", "fix"} for check in shown["checks"])
    return {check["name"]: check for check in shown["checks"]}
