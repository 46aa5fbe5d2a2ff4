"""What stands around the dimensions in the shipped workspace: from ingest to report, each step an asset.

A full example to copy from. Only the shipped workspace has these items, so the code location loads them only where no
other workspace is configured.
"""

from fabric_assets import assets
from fabric_assets.asset_factory import notebook_asset
from fabric_assets.item_assets import pipeline_asset
from fabric_assets.refreshes.assets import semantic_model_refresh, sql_endpoint_refresh
from fabric_assets.tables.checks import build_table_checks
from fabric_assets.tables.history import RowCountBounds

GROUP = "warehouse"
DIMENSIONS = (assets.dim_calendar.key, assets.dim_customer.key, assets.dim_employee.key)

sales_files = pipeline_asset(
    "SalesFiles",
    pipeline="AquaVilla_IngestSales",
    group_name=GROUP,
    description="The sales that the shop system exported, in the landing folder.",
)

fact_sales = notebook_asset(
    "FactSales",
    notebook="{prefix}FactSales",
    deps=[sales_files, *DIMENSIONS],
    table="Curated.fact_sales",
    group_name=GROUP,
    description="One row per sale, with the keys of its customer, employee and day.",
)

fact_sales_checks = build_table_checks(
    [fact_sales], keys=[["sale_id"]], row_count=RowCountBounds(fewer=0.1, more=1.0)
)

curated_sql_endpoint = sql_endpoint_refresh(
    "CuratedSqlEndpoint",
    lakehouse="Curated",
    deps=[fact_sales],
    group_name=GROUP,
    description="The tables of Curated as SQL sees them, up to date.",
)

sales_model = semantic_model_refresh(
    "SalesModel",
    semantic_model="AquaVilla_Sales",
    deps=[curated_sql_endpoint],
    group_name=GROUP,
    description="What the sales report shows.",
)
