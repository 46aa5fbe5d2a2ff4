"""The page about the local Fabric says what is true."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from fabric_assets.local.app import ROUTES
from fabric_assets.local.script import Fault, Script, Service, SimulatedJobInstance

TEXT = (Path(__file__).parents[2] / "docs" / "local-fabric.md").read_text(encoding="utf-8")


def test_the_example_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    assert "http://127.0.0.1:" in capsys.readouterr().out


@pytest.mark.parametrize("kind", [Script, SimulatedJobInstance, Service, Fault])
def test_every_field_of_a_script_is_explained(kind: type) -> None:
    missing = [
        field.name
        for field in fields(kind)
        if f"`{field.name}`" not in TEXT and f'"{field.name}"' not in TEXT
    ]
    assert missing == []


def test_every_route_is_named() -> None:
    words = {word for route in ROUTES for word in re.findall(r"[a-z-]+", re.sub(r"{\w+}", "", route.path))}
    assert {word for word in words - {"v"} if word not in TEXT.lower()} - {"alive", "job-instances"} == set()
