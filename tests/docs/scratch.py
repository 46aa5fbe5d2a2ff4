"""A copy of the project in which a page's blocks are run one after the other, as a reader would."""

import json
import os
import shutil
import subprocess
import sys
import textwrap
import tomllib
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import dagster as dg
import pytest
import yaml
from jsonschema import Draft202012Validator

from fabric_assets import DataFactoryResource, FabricResource, FabricWorkspaceComponent, fabric_executor
from fabric_assets.materialization import exit_value_metadata
from tests.docs.pages import ROOT, Block

WORKSPACE = ROOT / "examples" / "shop" / "fabric" / "workspaces" / "Local"
DAGSTER_YAML = "telemetry:\n  enabled: false\nnux:\n  enabled: false\n"
COMMAND_SECONDS = 180
NIGHTLY = {
    "activities": [
        {"name": "Bookings", "path": "Load_Bookings", "timeoutPerCellInSeconds": 600, "retry": 1},
        {"name": "Ledger", "path": "Load_Ledger", "args": {"full": False}, "dependencies": ["Bookings"]},
    ],
    "concurrency": 4,
}

_COMPONENT = set(FabricWorkspaceComponent.model().model_fields)
_RUN_CONFIG = {"execution", "ops", "resources", "loggers"}


class NotCheckedError(Exception):
    """No test knows what to do with a block."""


class Scratch:
    """The reader's project.

    It has what a clone of the repository has, ``workspace/`` with notebooks in Fabric's Git format, ``nightly.json``
    with a ``runMultiple`` DAG, and what the blocks of the page wrote.
    """

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        for name in ("fabric_assets", "examples", "deploy"):
            shutil.copytree(
                ROOT / name,
                root / name,
                ignore=shutil.ignore_patterns("__pycache__", ".*_local", ".dagster_home"),
            )
        for name in ("dg.toml", "workspace.yaml", "pyproject.toml"):
            shutil.copy(ROOT / name, root / name)
        shutil.copytree(WORKSPACE, root / "workspace")
        (root / "nightly.json").write_text(json.dumps(NIGHTLY))
        for home in (root / ".dagster_home", root / "examples" / "shop" / ".dagster_home"):
            home.mkdir()
            (home / "dagster.yaml").write_text(DAGSTER_YAML)
        monkeypatch.chdir(root)
        monkeypatch.syspath_prepend(str(root))
        monkeypatch.setenv("XDG_CACHE_HOME", str(root / ".cache"))
        self.names: dict[str, Any] = {"__name__": "my_project.definitions"}
        self.names["__file__"] = str(root / "my_project" / "definitions.py")

    def run(self, block: Block) -> None:
        """Run or check a block, and write it if it is a file."""
        if block.file:
            self.write(block.file, block.content)
        if block.is_run:
            getattr(self, f"_{block.kind}")(block)

    def write(self, path: str, content: str) -> None:
        """Write a file; a component's folder gets the notebooks that it names as ``./workspace``."""
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content, encoding="utf-8")
        if "source: ./workspace" in content:
            shutil.copytree(WORKSPACE, file.parent / "workspace", dirs_exist_ok=True)
        for package in file.relative_to(self.root).parents:
            if file.suffix in (".py", ".yaml") and package.name and package.parts[0] == "my_project":
                (self.root / package / "__init__.py").touch()

    def close(self) -> None:
        """End the local Fabrics that the commands started, and check the definitions that Python blocks made."""
        for home in (self.root / ".fabric_local", self.root / "examples" / "shop" / ".fabric_local"):
            if (home / "server.json").exists():
                self._bash(f"fabric-assets local --stop --home {home}", "close")

    def _python(self, block: Block) -> None:
        code = compile("\n" * block.line + block.content, block.place, "exec")
        if not block.in_a_notebook:
            exec(code, self.names)
            return
        values: list[str] = []
        notebook = SimpleNamespace(exit=values.append)
        exec(code, {"json": json, "notebookutils": SimpleNamespace(notebook=notebook)})
        (value,) = values
        assert exit_value_metadata(value), f"{block.place}: the exit value tells nothing"

    def check_definitions(self) -> None:
        """What the page's Python blocks defined is a code location that loads."""
        found = list(self.names.values())
        whole = self.names.get("defs")
        whole = whole() if callable(whole) else whole
        if isinstance(whole, dg.Definitions):
            dg.Definitions.validate_loadable(whole)
            return
        flat = [each for value in found for each in (value if type(value) in (list, tuple) else [value])]

        def of(*kinds: type) -> list[Any]:
            unique = {id(each): each for each in flat if isinstance(each, kinds)}
            return list(unique.values())

        checks = of(dg.AssetChecksDefinition)
        given = {"fabric": FabricResource(), "data_factory": DataFactoryResource()}
        dg.Definitions.validate_loadable(
            dg.Definitions(
                assets=[each for each in of(dg.AssetsDefinition, dg.AssetSpec) if each not in checks],
                asset_checks=checks,
                jobs=of(dg.JobDefinition, type(dg.define_asset_job("x"))),
                schedules=of(dg.ScheduleDefinition),
                sensors=of(dg.SensorDefinition),
                resources=given,
            )
        )

    def _yaml(self, block: Block) -> None:
        value = yaml.safe_load(block.content)
        if block.made_by:
            made = self._bash(f"{block.made_by} 2>/dev/null", block.place)
            assert yaml.safe_load(made) == value, f"{block.place}: {block.made_by} prints\n{made}"
        if isinstance(value, list) and all(isinstance(step, dict) and "run" in step for step in value):
            for step in value:
                self._bash(step["run"], block.place)
            return
        if not isinstance(value, Mapping):
            raise NotCheckedError(block.place)
        if "type" in value:
            self._component(value, block)
        elif value.keys() <= _COMPONENT:
            _valid(value, block)
        elif value.keys() <= _RUN_CONFIG:
            dg.validate_run_config(_job(), dict(value))
        elif "load_from" in value:
            assert all("python_module" in entry or "grpc_server" in entry for entry in value["load_from"])
        else:
            with dg.instance_for_test(overrides=dict(value)):
                pass

    def _component(self, value: Mapping[str, Any], block: Block) -> None:
        assert value["type"] == "fabric_assets.FabricWorkspaceComponent", block.place
        _valid(value["attributes"], block)
        attributes = yaml.safe_load(
            yaml.safe_dump(dict(value["attributes"])).replace("{{ env.FABRIC_WORKSPACE_ID }}", "")
        )
        if attributes.get("source") == "./workspace":
            attributes["source"] = str(self.root / "workspace")
        made = dg.build_defs_for_component(
            FabricWorkspaceComponent.from_attributes_dict(attributes=attributes)
        )
        dg.Definitions.validate_loadable(made)

    def _cell(self, block: Block) -> None:
        compile(block.content, block.place, "exec")

    def _json(self, block: Block) -> None:
        json.loads(block.content)

    def _toml(self, block: Block) -> None:
        tomllib.loads(block.content)

    def _shell(self, block: Block) -> None:
        self._bash("\n".join(block.commands()), block.place)

    def _bash(self, script: str, place: str) -> str:
        environment = {
            **{
                name: value
                for name, value in os.environ.items()
                if not name.startswith(("DAGSTER", "FABRIC", "PYTEST"))
            },
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(self.root),
            "NO_COLOR": "1",
        }
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=self.root,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SECONDS,
            check=False,
        )
        shown = textwrap.indent(f"{script}\n{done.stdout[-6000:]}", "  ")
        assert done.returncode == 0, f"{place}: exit code {done.returncode}\n{shown}"
        return done.stdout


def _valid(attributes: Mapping[str, Any], block: Block) -> None:
    """What an editor would say."""
    schema = FabricWorkspaceComponent.model().model_json_schema()
    problems = [error.message for error in Draft202012Validator(schema).iter_errors(dict(attributes))]
    assert not problems, f"{block.place}: {problems}"


def _job() -> dg.JobDefinition:
    @dg.op
    def nothing() -> None: ...

    @dg.job(executor_def=fabric_executor)
    def job() -> None:
        nothing()

    return job
