"""The example that the documentation shows can be opened as it stands."""

import importlib
import tomllib
from pathlib import Path

import dagster as dg
import pytest
import yaml

from fabric_assets import cli
from tests.component.places import members, order

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "shop"


def test_the_shop_is_a_graph_of_its_notebooks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(EXAMPLE))
    made = importlib.import_module("shop.definitions").defs()
    dg.Definitions.validate_loadable(made)

    assert order(made) == {
        "Stores": set(),
        "Orders": set(),
        "DimStore": {"Stores"},
        "DimDate": {"Orders"},
        "FactSales": {"Orders", "DimStore", "DimDate"},
        "SalesByCity": {"FactSales", "DimStore", "DimDate"},
        "Targets": {"DimStore"},
    }
    assert members(made) == {"Run_All": set(order(made))}


def test_the_shop_passes_the_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check", "--config", str(EXAMPLE / "shop" / "defs" / "fabric" / "defs.yaml")]) == 0
    assert "8 notebooks" in capsys.readouterr().out


def test_both_front_doors_open_the_same_code_location() -> None:
    (entry,) = yaml.safe_load((EXAMPLE / "workspace.yaml").read_text())["load_from"]
    project = tomllib.loads((EXAMPLE / "dg.toml").read_text())["project"]

    assert entry["python_module"]["module_name"] == project["code_location_target_module"]
    assert entry["python_module"]["location_name"] == project["code_location_name"]
