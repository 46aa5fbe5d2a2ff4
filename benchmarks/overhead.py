"""What a notebook costs beside its own run time: from the start of a run to the materialization.

The notebook does nothing and ends at once (local Fabric, simulation), so all that is measured is overhead: resolving
names, starting the job instance, seeing its end, reading the exit value, writing Dagster's events. Beside it stands
an asset without a notebook, which is what Dagster costs.

    python -m benchmarks.overhead [--repeat 7]
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import dagster as dg

from benchmarks import overhead_definitions as definitions
from fabric_assets.local import serve_in_thread


def seconds_to_materialization(job: Callable[[], dg.JobDefinition], instance: dg.DagsterInstance) -> float:
    """From the event that the run has started to the one that the asset is materialized."""
    with dg.execute_job(dg.reconstructable(job), instance=instance, raise_on_error=True) as result:
        records = instance.get_records_for_run(result.run_id).records
    times = {
        record.event_log_entry.dagster_event.event_type_value: record.timestamp
        for record in records
        if record.event_log_entry.dagster_event
    }
    return float(times["ASSET_MATERIALIZATION"] - times["PIPELINE_START"])


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Overhead of one notebook asset.")
    parser.add_argument("--repeat", type=int, default=7, help="runs of each case (default: 7)")
    repeat = parser.parse_args().repeat
    with (
        tempfile.TemporaryDirectory() as folder,
        serve_in_thread(Path(folder) / "fabric", script={"notebooks": ["Nothing"]}) as fabric,
        dg.instance_for_test() as instance,
    ):
        os.environ.update(
            FABRIC_WORKSPACE_ID=fabric.workspace_id,
            FABRIC_API_URL=fabric.url,
            FABRIC_ACCESS_TOKEN=fabric.token,
        )
        print(f"{'executor':<16}{'plain asset':>14}{'notebook asset':>17}{'difference':>13}{'ratio':>8}")
        for name, plain, notebook in (
            ("in process", definitions.plain_in_process, definitions.notebook_in_process),
            ("one process", definitions.plain_in_one_process, definitions.notebook_in_one_process),
        ):
            first, second = (
                statistics.median(seconds_to_materialization(job, instance) for _ in range(repeat))
                for job in (plain, notebook)
            )
            print(
                f"{name:<16}{first:>12.2f} s{second:>15.2f} s{second - first:>11.2f} s{second / first:>8.1f}"
            )


if __name__ == "__main__":
    main()
