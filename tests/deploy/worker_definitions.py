"""What run workers on several machines run: assets that share a notebook, and assets that share a pool."""

import os

import dagster as dg

from fabric_assets import FabricResource, fabric_executor, fixed, notebook_asset

SHARED = "shared"
"""The notebook of two assets."""
SIDES = ("left", "right")

HELD = "held"
"""An asset and its notebook, which runs until it is let go, in a pool."""

PATIENCE_VARIABLE = "TEST_PATIENCE_SECONDS"
"""A quarter of it, and at most 5 s, a job instance must have been nobody's before it is taken for a lost start."""

POOL = "one_at_a_time"
POOLED = ("first", "second", "third")
"""Notebooks; each is loaded by an asset of each side."""


def pooled(side: str) -> list[str]:
    """The assets of one run in the pool."""
    return [f"{side}_{notebook}" for notebook in POOLED]


def _asset(name: str, notebook: str, *, pool: str | None = None) -> dg.AssetsDefinition:
    return notebook_asset(
        name, notebook=notebook, arguments={"asset": fixed(name)}, pool=pool, timeout_seconds=None
    )


defs = dg.Definitions(
    assets=[
        *(_asset(side, SHARED) for side in SIDES),
        *(_asset(f"{side}_{notebook}", notebook, pool=POOL) for side in SIDES for notebook in POOLED),
        _asset(HELD, HELD, pool=POOL),
    ],
    jobs=[
        dg.define_asset_job("load", selection=list(SIDES)),
        *(dg.define_asset_job(f"{side}_pooled", selection=pooled(side)) for side in SIDES),
        dg.define_asset_job("load_held", selection=[HELD]),
    ],
    resources={
        "fabric": FabricResource(
            poll_seconds=0.1, patience_seconds=float(os.environ.get(PATIENCE_VARIABLE, "20"))
        )
    },
    executor=fabric_executor,
)


def load() -> dg.JobDefinition:
    return defs.resolve_job_def("load")


def left_pooled() -> dg.JobDefinition:
    return defs.resolve_job_def("left_pooled")


def right_pooled() -> dg.JobDefinition:
    return defs.resolve_job_def("right_pooled")


JOBS = {job.__name__: dg.reconstructable(job) for job in (load, left_pooled, right_pooled)}
