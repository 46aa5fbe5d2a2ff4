"""The dimensions, each loaded by a Fabric notebook. They do not depend on each other, so they run in parallel."""

from fabric_assets.arguments import config_field
from fabric_assets.asset_factory import notebook_asset

RECREATE = config_field(bool, default=False, description="Replace the whole table instead of updating it.")

dim_calendar = notebook_asset(
    "DimCalendar",
    notebook="{prefix}DimCalendar",
    arguments={"recreate": RECREATE},
    retry=1,
    retry_interval_seconds=10,
    timeout_seconds=300,
    group_name="dimensions",
    description="One row per day, from 2010-01-01 to ten years ahead.",
)

dim_customer = notebook_asset(
    "DimCustomer",
    notebook="{prefix}DimCustomer",
    arguments={"recreate": RECREATE},
    retry=1,
    retry_interval_seconds=10,
    timeout_seconds=300,
    group_name="dimensions",
    description="Customers from the landing files.",
)

dim_employee = notebook_asset(
    "DimEmployee",
    notebook="{prefix}DimEmployee",
    arguments={"recreate": RECREATE},
    retry=1,
    retry_interval_seconds=10,
    timeout_seconds=300,
    group_name="dimensions",
    description="Employees from the landing files.",
)
