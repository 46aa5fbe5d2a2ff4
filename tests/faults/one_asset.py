"""A process that materializes one asset and prints the id of the job instance that loaded it."""

import sys

import dagster as dg

from fabric_assets import fixed
from tests.faults.harness import LIMITS, QuickFabric, load


def main(name: str) -> None:
    fabric = QuickFabric(poll_seconds=LIMITS.poll_seconds)
    with dg.DagsterInstance.get() as instance:
        result = dg.materialize(
            [load(name, arguments={"asset": fixed(name)})], resources={"fabric": fabric}, instance=instance
        )
    (event,) = result.asset_materializations_for_node(name)
    sys.stdout.write(f"{event.metadata['fabric/job_instance_id'].value}\n")


if __name__ == "__main__":
    main(sys.argv[1])
