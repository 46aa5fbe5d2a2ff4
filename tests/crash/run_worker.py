"""A run worker: ``python -m tests.crash.run_worker JOB COMMAND...``, as Dagster's launchers start one for a run.

Commands, one run each: ``start`` or ``start:ASSET`` for a new run, ``from_failure:RUN`` and ``all_steps:RUN`` for a
re-execution.
"""

import sys

import dagster as dg

from tests.crash.crash_definitions import JOBS


def execute(instance: dg.DagsterInstance, job: str, command: str) -> None:
    """Execute one run; a failure is no exception."""
    what, _, subject = command.partition(":")
    reexecution = {
        "start": lambda: None,
        "from_failure": lambda: dg.ReexecutionOptions.from_failure(subject, instance),
        "all_steps": lambda: dg.ReexecutionOptions(subject),
    }[what]()
    selection = [dg.AssetKey(subject)] if subject and reexecution is None else None
    with dg.execute_job(
        JOBS[job], instance, reexecution_options=reexecution, asset_selection=selection, raise_on_error=False
    ):
        pass


if __name__ == "__main__":
    with dg.DagsterInstance.get() as dagster_instance:
        for given in sys.argv[2:]:
            execute(dagster_instance, sys.argv[1], given)
