"""A partitioned job that a pipeline's Web activity launches, beside the project's own code location."""

import dagster as dg

from fabric_assets import FabricResource, notebook_asset, partition_key

months = dg.StaticPartitionsDefinition(["2026-01", "2026-02"])
sales = notebook_asset(
    "Sales",
    notebook="LoadSales",
    arguments={"month": partition_key(), "full": False},
    partitions_def=months,
    retry=0,
)

defs = dg.Definitions(
    assets=[sales],
    jobs=[dg.define_asset_job("load_month", selection=[sales], partitions_def=months)],
    resources={"fabric": FabricResource(poll_seconds=0.05)},
)
