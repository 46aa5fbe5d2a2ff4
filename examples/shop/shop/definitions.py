"""The code location: what the YAML files below ``defs`` say."""

from pathlib import Path

import dagster as dg

from fabric_assets import fabric_executor


@dg.definitions
def defs() -> dg.Definitions:
    """All components, with the executor that lets many notebooks wait in one process."""
    components = dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
    return dg.Definitions.merge(components, dg.Definitions(executor=fabric_executor))
