"""Two assets for the overhead benchmark: one that does nothing, one whose notebook does nothing."""

import dagster as dg

from fabric_assets import FabricResource, fabric_executor, notebook_asset


@dg.asset
def plain() -> None:
    """Does nothing: what Dagster itself costs."""


notebook = notebook_asset("notebook", notebook="Nothing")


def job(name: str, *, in_process: bool) -> dg.JobDefinition:
    """The job that materializes one of the assets."""
    return dg.Definitions(
        assets=[plain, notebook],
        jobs=[dg.define_asset_job(f"load_{name}", selection=name)],
        resources={"fabric": FabricResource()},
        executor=dg.in_process_executor if in_process else fabric_executor,
    ).resolve_job_def(f"load_{name}")


def plain_in_process() -> dg.JobDefinition:
    """See ``job``."""
    return job("plain", in_process=True)


def plain_in_one_process() -> dg.JobDefinition:
    """See ``job``."""
    return job("plain", in_process=False)


def notebook_in_process() -> dg.JobDefinition:
    """See ``job``."""
    return job("notebook", in_process=True)


def notebook_in_one_process() -> dg.JobDefinition:
    """See ``job``."""
    return job("notebook", in_process=False)
