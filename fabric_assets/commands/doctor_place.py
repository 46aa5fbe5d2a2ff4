"""What the doctor looks at around Fabric: versions, the code location, the Dagster instance."""

import importlib.metadata
import os
import platform
from pathlib import Path

import dagster as dg

from fabric_assets.asset_factory import NOTEBOOK_METADATA
from fabric_assets.commands.code_location import (
    CodeLocation,
    CodeLocationError,
    NoCodeLocationError,
    load_code_location,
    without_advice,
)
from fabric_assets.commands.doctor_report import Report
from fabric_assets.resource import FabricResource


def examine_versions(report: Report) -> None:
    """Which versions work together."""
    try:
        version = importlib.metadata.version("fabric_assets")
    except importlib.metadata.PackageNotFoundError:
        version = "(not installed)"
    report.ok(
        "versions", f"fabric_assets {version}, Dagster {dg.__version__}, Python {platform.python_version()}"
    )


def examine_code_location(report: Report, module: str | None) -> CodeLocation | None:
    """Load the code location.

    Raises:
        UsageError: ``module`` names no file, or the file that names the code location cannot be read.
    """
    try:
        location = load_code_location(module)
    except NoCodeLocationError as error:
        message, _, fix = str(error).partition(". ")
        report.warning("code location", f"{message}; only the environment counts", fix)
        return None
    except CodeLocationError as error:
        report.problem(
            "code location",
            str(error),
            "Correct the code, or its environment; `dg check defs` shows all of it.",
        )
        return None
    assets = location.assets
    notebooks = sum(
        any(NOTEBOOK_METADATA in (metadata or {}) for metadata in definition.metadata_by_key.values())
        for definition in assets
    )
    told = f"{location.module} ({location.found_in}): {len(assets)} assets, {notebooks} of them notebooks"
    if not location.resource_keys(FabricResource):
        report.warning("code location", f"{told}; it has no FabricResource, so only the environment counts")
    else:
        report.ok("code location", told)
    return location


def examine_dagster(report: Report) -> None:
    """Where Dagster keeps its history."""
    home = os.environ.get("DAGSTER_HOME")
    if not home:
        report.warning(
            "Dagster instance",
            "DAGSTER_HOME is not set: history, and what was started in Fabric, is forgotten when `dagster dev` ends",
            "Set DAGSTER_HOME to an absolute folder.",
        )
        return
    try:
        if not Path(home).is_absolute():
            raise ValueError(f"{home} is no absolute path")  # noqa: TRY301 -- one answer to all
        with without_advice(), dg.DagsterInstance.get() as instance:
            instance.get_runs_count()
            kinds = type(instance.run_storage).__name__
    except Exception as error:  # noqa: BLE001 -- whatever the storage raises
        lines = str(error).strip().splitlines()
        report.problem(
            "Dagster instance",
            f"DAGSTER_HOME is {home}, which cannot be opened: {lines[0] if lines else type(error).__name__}",
            "Create the folder and let it be writable; check dagster.yaml in it.",
        )
        return
    report.ok("Dagster instance", f"{home} (DAGSTER_HOME), {kinds}")
