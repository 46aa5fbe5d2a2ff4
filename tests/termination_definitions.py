"""Jobs of notebooks that never end, for the tests of termination."""

import os

import dagster as dg

from fabric_assets import FabricResource, fabric_executor, notebook_asset

executors = {
    "in_process": dg.in_process_executor,
    "multiprocess": dg.multiprocess_executor,
    "one_process": fabric_executor,
}

defs = dg.Definitions(
    assets=[
        *(notebook_asset(name, notebook=name, timeout_seconds=None) for name in ("Orders", "Customers")),
        notebook_asset(
            "Retried",
            notebook="Orders",
            timeout_seconds=float(os.environ.get("TIMEOUT_SECONDS", "3600")),
            retry=1,
            retry_interval_seconds=3600,
        ),
    ],
    jobs=[dg.define_asset_job("load", ["Orders", "Customers"]), dg.define_asset_job("retried", ["Retried"])],
    resources={
        "fabric": FabricResource(
            poll_seconds=0.05,
            cancel_on_terminate=os.environ.get("KEEP_RUNNING") is None,
            cancel_timeout_seconds=float(os.environ.get("CANCEL_TIMEOUT_SECONDS", "30")),
        )
    },
    executor=executors[os.environ["EXECUTOR"]],
)
