"""A run worker: ``python -m tests.deploy.run_worker COMMAND...``; the commands are those of ``tests.crash.run_worker``."""

import sys

import dagster as dg

from tests.crash.run_worker import JOBS, execute
from tests.deploy.worker_definitions import load

if __name__ == "__main__":
    JOBS["load"] = dg.reconstructable(load)
    with dg.DagsterInstance.get() as dagster_instance:
        for given in sys.argv[1:]:
            execute(dagster_instance, "load", given)
