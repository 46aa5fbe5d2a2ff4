"""How tables are named."""

import dagster as dg
import pytest

from fabric_assets import LakehouseTable, notebook_asset
from fabric_assets.tables.names import table_of

ONELAKE = "onelake.dfs.fabric.microsoft.com"


@pytest.mark.parametrize(
    ("text", "table"),
    [
        pytest.param("Curated.dim", LakehouseTable("dim", "Curated"), id="two-parts"),
        pytest.param("Curated.sales.dim", LakehouseTable("dim", "Curated", "sales"), id="three-parts"),
        pytest.param(
            "My Team.Curated.sales.dim", LakehouseTable("dim", "Curated", "sales", "My Team"), id="four-parts"
        ),
        pytest.param("`v1.2`.`a``b`", LakehouseTable("a`b", "v1.2"), id="backticks"),
        pytest.param(
            f"abfss://Team@{ONELAKE}/Curated.Lakehouse/Tables/dim",
            LakehouseTable("dim", "Curated", None, "Team"),
            id="abfss",
        ),
        pytest.param(
            f"https://{ONELAKE}/My%20Team/Curated.lakehouse/Tables/sales/dim/",
            LakehouseTable("dim", "Curated", "sales", "My Team"),
            id="https",
        ),
    ],
)
def test_a_table_is_named_by_parts_or_by_its_path(text: str, table: LakehouseTable) -> None:
    assert LakehouseTable.parse(text) == table


@pytest.mark.parametrize(
    "table",
    [
        LakehouseTable("dim", "Curated"),
        LakehouseTable("dim", "Curated", "sales"),
        LakehouseTable("dim.1", "My `Lake`", "a b", "Team. One"),
    ],
    ids=str,
)
def test_a_name_that_was_written_can_be_read(table: LakehouseTable) -> None:
    assert LakehouseTable.parse(str(table)) == table


@pytest.mark.parametrize(
    "text",
    [
        *("", "dim", "a..b", ".a.b", "a.b.", "a.b.c.d.e", "`a.b", "a.`b`c", "Lake/house.dim", "Lakehouse. "),
        *("../x.dim", "a.`..`", "abfss://ws@elsewhere.example/L.Lakehouse/Tables/t"),
        *(f"abfss://ws@{ONELAKE}/L.Lakehouse/Files/t", f"abfss://ws@{ONELAKE}/L.Lakehouse/Tables/a/b/c"),
    ],
)
def test_what_is_no_name_is_refused_with_the_asset(text: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match=r"asset DimX: table: .*table") as raised:
        notebook_asset("DimX", notebook="LoadDimX", table=text)
    assert "Lakehouse" in str(raised.value)


def test_an_asset_names_its_table_in_its_definition() -> None:
    asset = notebook_asset("DimX", notebook="LoadDimX", table=LakehouseTable("dim_x", "Curated", "sales"))

    (spec,) = asset.specs
    assert spec.metadata["dagster/table_name"] == "Curated.sales.dim_x"
    assert table_of(spec.metadata) == LakehouseTable("dim_x", "Curated", "sales")


def test_table_and_tables_exclude_each_other() -> None:
    with pytest.raises(
        dg.DagsterInvalidDefinitionError, match="asset DimX: with `tables`, each table stands in its spec"
    ):
        notebook_asset("DimX", notebook="LoadDimX", table="A.b", tables=[dg.AssetSpec("a")])
