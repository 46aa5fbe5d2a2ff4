"""``fabric-assets run``: materialize assets in this process, and watch."""

import argparse
import contextlib
from pathlib import Path
from typing import TYPE_CHECKING

from fabric_assets.commands.output import CommandError, note, say
from fabric_assets.commands.place_options import add_module_option

if TYPE_CHECKING:
    from fabric_assets.commands.running_progress import AssetState, RunProgress


def add_run(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``run``."""
    parser = commands.add_parser(
        "run",
        help="materialize assets in this process, with live progress",
        description="Materializes assets of the code location in this process, under its executor, and shows how far "
        "each is. Ctrl-C cancels what runs in Fabric. Exit code 0 if all were materialized, 1 after a failure, 2 for a "
        "wrong selection, 130 if it was interrupted.",
    )
    parser.add_argument(
        "selections",
        nargs="+",
        metavar="SELECTION",
        help="assets in Dagster's syntax, such as DimCustomer, +FactSales, group:dimensions",
    )
    parser.add_argument(
        "--partition",
        metavar="KEY",
        help="the partition to materialize; FIRST...LAST in one run, if the assets' backfill policy is a single run",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="YAML with run config, as in Dagster's launchpad"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        dest="settings",
        metavar="Asset.param=value",
        help="value of one argument; may be repeated",
    )
    parser.add_argument("--plain", action="store_true", help="print lines instead of a live table")
    add_module_option(parser)
    parser.set_defaults(run=run_assets)


def run_assets(options: argparse.Namespace) -> int:
    """Run the assets."""
    from fabric_assets.commands.code_location import CodeLocationError, dagster_instance, load_code_location
    from fabric_assets.commands.running_display import display
    from fabric_assets.commands.running_execution import execute
    from fabric_assets.commands.running_selection import select

    with dagster_instance("fabric-assets run") as (instance, home):
        try:
            location = load_code_location(options.module)
        except CodeLocationError as error:
            raise CommandError(str(error)) from error
        selected = select(
            location,
            instance,
            options.selections,
            partition=options.partition,
            config_file=options.config,
            settings=options.settings,
        )
        if home is None:
            note("DAGSTER_HOME is not set: the history of this run is forgotten at its end")
        with display(plain=options.plain) as shown:
            progress, interrupted = execute(location, selected, instance, shown)
    was_interrupted = interrupted and progress.status != "SUCCESS"
    with contextlib.suppress(BrokenPipeError):  # who has seen enough still gets the exit code of the run
        _tell(progress, interrupted=was_interrupted)
    if was_interrupted:
        return 130
    return 0 if progress.status == "SUCCESS" else 1


def _tell(progress: "RunProgress", *, interrupted: bool) -> None:
    """Say what became of it."""
    for failure in progress.failures:
        say(f"\n{failure}")
    total = len(progress.assets)
    states: tuple[AssetState, ...] = ("materialized", "observed", "failed", "cancelled", "skipped", "not run")
    counts = ", ".join(f"{count} {state}" for state in states if (count := progress.count(state)))
    say(f"\n{counts or 'nothing'} of {total} asset{'' if total == 1 else 's'}")
    if interrupted:
        cancelled = len(set(progress.cancelled))
        say(
            f"interrupted; {cancelled} job instance{' was' if cancelled == 1 else 's were'} cancelled in Fabric"
            if cancelled
            else "interrupted; no job instance was running in Fabric"
        )
