"""A run worker: ``python -m tests.deploy.run_worker JOB COMMAND...``; commands as of ``tests.crash.run_worker``."""

import sys

import dagster as dg

from tests.crash import run_worker
from tests.deploy.worker_definitions import JOBS

if __name__ == "__main__":
    run_worker.JOBS.update(JOBS)
    with dg.DagsterInstance.get() as dagster_instance:
        for given in sys.argv[2:]:
            run_worker.execute(dagster_instance, sys.argv[1], given)
