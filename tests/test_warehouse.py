"""The shipped workspace from ingest to report: its pipeline, notebooks, SQL endpoint and semantic model, really run."""

import csv
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl
import pytest

from fabric_assets import FabricResource
from fabric_assets.definitions import defs
from fabric_assets.local import process


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[dg.ExecuteInProcessResult, Path]:
    """The job ``load_warehouse`` after one run, and the folder of the local Fabric."""
    home = tmp_path_factory.mktemp("fabric")
    try:
        with dg.instance_for_test() as instance:
            result = defs.resolve_job_def("load_warehouse").execute_in_process(
                instance=instance,
                resources={"fabric": FabricResource(local_home=str(home))},
                raise_on_error=False,
            )
    finally:
        process.stop(home)
    return result, home


def metadata(result: dg.ExecuteInProcessResult, asset: str) -> Mapping[str, Any]:
    (event,) = result.asset_materializations_for_node(asset)
    return {key: value.value for key, value in event.metadata.items()}


def exported(home: Path) -> dict[str, dict[str, str]]:
    """The newest row of each sale that can be used."""
    sales: dict[str, dict[str, str]] = {}
    for file in sorted((home / "onelake/Local/Base.Lakehouse/Files/export/sales").glob("*.csv")):
        with file.open(encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                if row["sale_id"] and row["sold_at"].endswith("Z"):
                    sales[row["sale_id"]] = row
    return sales


def test_every_step_is_materialized_in_order(ran: tuple[dg.ExecuteInProcessResult, Path]) -> None:
    result, _ = ran
    assert result.success
    order = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]

    assert order[-3:] == ["FactSales", "CuratedSqlEndpoint", "SalesModel"]
    assert set(order[:-3]) == {"SalesFiles", "DimCalendar", "DimCustomer", "DimEmployee"}
    assert {check.check_name: check.passed for check in result.get_asset_check_evaluations()} == {
        "table_not_empty": True,
        "unique_keys": True,
        "row_count_in_bounds": True,
        "tables_in_sync": True,
    }


def test_the_fact_holds_what_was_exported(ran: tuple[dg.ExecuteInProcessResult, Path]) -> None:
    result, home = ran
    sales = exported(home)
    tables = home / "onelake" / "Local" / "Curated.Lakehouse" / "Tables"
    facts = pl.read_delta(str(tables / "fact_sales"))
    customers = pl.read_delta(str(tables / "dim_customer"))
    known = set(customers["customer_id"])

    expected = {id_: int(row["quantity"]) * Decimal(row["unit_price"]) for id_, row in sales.items()}
    assert dict(zip(facts["sale_id"], facts["amount"], strict=True)) == expected
    assert metadata(result, "FactSales")["dagster/row_count"] == len(expected)
    keys = dict(zip(facts["sale_id"], facts["customer_key"], strict=True))
    for id_, row in sales.items():
        customer = row["customer_id"].strip().upper()
        versions = customers.filter(pl.col("customer_key") == keys[id_])["customer_id"].to_list()
        assert versions == [customer] or (keys[id_] == -1 and versions == ["UNKNOWN"])
        assert keys[id_] != -1 or customer not in known or _is_before_the_first_version(customers, row)


def _is_before_the_first_version(customers: pl.DataFrame, sale: Mapping[str, str]) -> bool:
    versions = customers.filter(pl.col("customer_id") == sale["customer_id"].strip().upper())
    return bool(versions["valid_from"].min().isoformat() > sale["sold_at"])  # type: ignore[union-attr]


def test_what_follows_tells_of_its_tables(ran: tuple[dg.ExecuteInProcessResult, Path]) -> None:
    result, _ = ran
    assert metadata(result, "SalesFiles")["fabric/pipeline"] == "AquaVilla_IngestSales"
    assert metadata(result, "SalesModel")["fabric/semantic_model"] == "AquaVilla_Sales"
    assert metadata(result, "CuratedSqlEndpoint")["fabric/sql_endpoint"] == "Curated"


def test_another_workspace_has_the_three_dimensions_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    from fabric_assets import definitions

    monkeypatch.setenv("FABRIC_WORKSPACE_ID", "Sales")
    other = importlib.reload(definitions).defs
    monkeypatch.undo()
    importlib.reload(definitions)

    keys = {key.to_user_string() for key in other.resolve_all_asset_keys()}
    assert keys == {"DimCalendar", "DimCustomer", "DimEmployee"}
