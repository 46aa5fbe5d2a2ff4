"""The code in docs/tables.md runs."""

import re
from pathlib import Path
from typing import Any

import dagster as dg

from fabric_assets import build_table_checks

PAGE = Path(__file__).parent.parent.parent / "docs" / "tables.md"


def test_the_code_of_the_page_defines_assets_and_checks() -> None:
    names: dict[str, Any] = {}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(block, names)

    dg.Definitions.validate_loadable(
        dg.Definitions(
            assets=[names["dim_customer"], names["orders"]],
            asset_checks=[*names["customer_checks"], *names["order_checks"]],
            resources={"fabric": dg.ResourceDefinition.none_resource()},
        )
    )


def test_the_page_tells_the_defaults_as_they_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    defaults = build_table_checks.__kwdefaults__

    assert f"`scan_memory_mb` ({defaults['scan_memory_mb']} MiB)" in text
    assert (defaults["scan_timeout_seconds"], defaults["examples"], defaults["not_empty"]) == (3600, 5, True)
