"""What a whole ``dagster dev`` runs when it is killed or its runs are terminated."""

import dagster as dg

from fabric_assets import FabricResource, notebook_asset
from fabric_assets import definitions as project

REEXECUTED = "reexecuted"
RESUMED = "resumed"
UNANSWERED = "unanswered"
TERMINATED = "terminated"

DONE, RUNNING, LATER = "done", "running", "later"
"""Assets of a job whose run is killed: the first has been materialized, the last has not been begun."""

ASSETS = {
    REEXECUTED: [f"{REEXECUTED}_{part}" for part in (DONE, RUNNING, LATER)],
    RESUMED: [f"{RESUMED}_{part}" for part in (DONE, RUNNING, LATER)],
    UNANSWERED: [f"{UNANSWERED}_{RUNNING}"],
    TERMINATED: [f"{TERMINATED}_{number}" for number in range(1, 5)],
}
NOTEBOOKS = [name for names in ASSETS.values() for name in names]
HELD = [name for name in NOTEBOOKS if not name.endswith((DONE, LATER))]


def _deps(name: str) -> list[str]:
    """Done, running, later: one after the other."""
    names = next(names for names in ASSETS.values() if name in names)
    before = names[names.index(name) - 1 : names.index(name)]
    return [] if name in ASSETS[TERMINATED] else before


defs = dg.Definitions(
    assets=[
        notebook_asset(name, notebook=name, deps=_deps(name), timeout_seconds=None) for name in NOTEBOOKS
    ],
    jobs=[dg.define_asset_job(job, selection=names) for job, names in ASSETS.items()],
    resources={"fabric": FabricResource(poll_seconds=0.1)},
    executor=project.defs.executor,
)
