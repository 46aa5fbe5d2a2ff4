"""A job with one pipeline of a data factory that never ends, for the test of termination."""

import dagster as dg

from fabric_assets.data_factory.resource import DataFactoryResource
from tests.data_factories import ingest

defs = dg.Definitions(
    assets=[ingest(timeout_seconds=None)],
    jobs=[dg.define_asset_job("load", selection="*")],
    resources={"data_factory": DataFactoryResource(poll_seconds=0.05)},
    executor=dg.in_process_executor,
)
