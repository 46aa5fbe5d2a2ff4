"""A job of assets that wait, for the tests of termination: each notes that it started, and that it cleaned up."""

import asyncio
import os
from pathlib import Path

import dagster as dg

from fabric_assets.executor import fabric_executor

markers = Path(os.environ["MARKERS"])


def _build(number: int) -> dg.AssetsDefinition:
    @dg.asset(name=f"waits_{number}")
    async def waits() -> None:
        (markers / f"started_{number}").touch()
        try:
            await asyncio.sleep(600)
        finally:
            await asyncio.sleep(0.2)
            (markers / f"cleaned_{number}").touch()

    return waits


defs = dg.Definitions(
    assets=[_build(number) for number in range(20)],
    jobs=[dg.define_asset_job("wait")],
    executor=fabric_executor,
)
