"""Folders of notebooks in Git's format and projects with a component, for the tests."""

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import dagster as dg

from fabric_assets import FabricWorkspaceComponent

LAKEHOUSE_ID = "00000000-1111-2222-3333-444444444444"
DG_TOML = """\
directory_type = "project"

[project]
root_module = "{name}"
code_location_target_module = "{name}.definitions"
code_location_name = "{name}"
"""
DEFINITIONS = """\
from pathlib import Path

import dagster as dg

from fabric_assets import fabric_executor


@dg.definitions
def defs():
    folder = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    return dg.Definitions.merge(folder, dg.Definitions(executor=fabric_executor))
"""


def write_notebook(
    workspace: Path, name: str, *cells: str, folder: str = "", lakehouse: str = "curated"
) -> None:
    """Write a PySpark notebook in Git's format."""
    place = workspace / folder / f"{name}.Notebook"
    place.mkdir(parents=True)
    platform = {"metadata": {"type": "Notebook", "displayName": name}, "config": {"version": "2.0"}}
    (place / ".platform").write_text(json.dumps(platform))
    meta = {
        "kernel_info": {"name": "synapse_pyspark"},
        "dependencies": {
            "lakehouse": {"default_lakehouse": LAKEHOUSE_ID, "default_lakehouse_name": lakehouse}
        },
    }
    header = "\n".join(f"# META {line}" for line in json.dumps(meta, indent=2).splitlines())
    body = "".join(f"\n# CELL ********************\n\n{textwrap.dedent(cell).strip()}\n" for cell in cells)
    text = f"# Fabric notebook source\n\n# METADATA ********************\n\n{header}\n{body}"
    (place / "notebook-content.py").write_text(text)


def copy_table(source: str, target: str) -> str:
    """A cell that writes one table from another."""
    return f'spark.table("{source}").write.mode("overwrite").saveAsTable("{target}")'


def shop(workspace: Path) -> Path:
    """Two dimensions, from tables that nobody here writes, a fact that reads them, and one that runs them all."""
    write_notebook(workspace, "Load_DimStore", copy_table("landing.stores", "dim_store"), folder="Dimensions")
    write_notebook(workspace, "Load_DimDate", copy_table("landing.dates", "dim_date"), folder="Dimensions")
    sales = """
        stores, dates = spark.table("dim_store"), spark.table("dim_date")
        stores.join(dates).write.mode("overwrite").saveAsTable("fact_sales")
    """
    write_notebook(workspace, "Load_FactSales", sales, folder="Facts")
    calls = "".join(
        f'notebookutils.notebook.run("{name}")\n'
        for name in ("Load_DimStore", "Load_DimDate", "Load_FactSales")
    )
    write_notebook(workspace, "Run All", calls)
    return workspace


def component(**attributes: Any) -> FabricWorkspaceComponent:
    """The component with these attributes of its YAML."""
    return FabricWorkspaceComponent.from_attributes_dict(
        attributes={
            name: str(value) if isinstance(value, Path) else value for name, value in attributes.items()
        }
    )


def definitions(**attributes: Any) -> dg.Definitions:
    """The checked definitions of the component with these attributes."""
    made = dg.build_defs_for_component(component(**attributes))
    dg.Definitions.validate_loadable(made)
    return made


def specs(made: dg.Definitions) -> dict[str, dg.AssetSpec]:
    """The specs of all assets by key."""
    return {spec.key.to_user_string(): spec for spec in made.resolve_all_asset_specs()}


def order(made: dg.Definitions) -> dict[str, set[str]]:
    """What each asset waits for."""
    return {key: {dep.asset_key.to_user_string() for dep in spec.deps} for key, spec in specs(made).items()}


def members(made: dg.Definitions) -> Mapping[str, set[str]]:
    """The assets of each job."""
    names = [job.name for job in made.jobs or []]
    found = {}
    for name in names:
        keys = made.resolve_job_def(name).asset_layer.selected_asset_keys
        found[name] = {key.to_user_string() for key in keys}
    return found


def pools(made: dg.Definitions, keys: Sequence[str]) -> list[str | None]:
    """The pool of each asset."""
    return [made.resolve_assets_def(dg.AssetKey.from_user_string(key)).op.pool for key in keys]


def write_project(root: Path, yaml: str, name: str = "shop_project") -> Path:
    """A dg project with one component; returns the folder of its ``defs.yaml``."""
    place = root / name / "defs" / "fabric"
    place.mkdir(parents=True)
    (root / "dg.toml").write_text(DG_TOML.format(name=name))
    (root / name / "__init__.py").write_text("")
    (root / name / "defs" / "__init__.py").write_text("")
    (root / name / "definitions.py").write_text(DEFINITIONS)
    (place / "defs.yaml").write_text(textwrap.dedent(yaml))
    return place
