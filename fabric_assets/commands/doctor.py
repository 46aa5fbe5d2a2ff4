"""``fabric-assets doctor``: what is right, and how to mend what is not."""

import argparse
from typing import TYPE_CHECKING

from fabric_assets.commands.output import CommandError, note, say
from fabric_assets.commands.place_options import add_module_option, add_workspace_option

if TYPE_CHECKING:
    from fabric_assets.commands.code_location import CodeLocation
    from fabric_assets.commands.doctor_report import Report
    from fabric_assets.commands.fabric_choice import ChosenFabric

_AFTER_CONNECTION = ("service", "credentials", "workspace", "role", "capacity", "quota")


def add_doctor(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``doctor``."""
    parser = commands.add_parser(
        "doctor",
        help="look at configuration, credentials, workspace and notebooks, and say how to mend what is wrong",
        description="Looks at configuration, credentials, workspace, role, the notebook of each asset, quota and the "
        "local engine, and says for each what is right, or how to mend it. Exit code 1 if there is a problem, else 0.",
    )
    add_workspace_option(parser)
    add_module_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--all", action="store_true", help="read all notebooks, however many there are")
    contract = parser.add_argument_group("the contract")
    contract.add_argument(
        "--contract",
        action="store_true",
        help="check instead that the service behaves as this package expects, with throwaway notebooks",
    )
    contract.add_argument(
        "--timeout",
        type=float,
        default=300.0,
        metavar="SECONDS",
        help="longest wait for the throwaway notebooks' job instances (default: 300)",
    )
    contract.add_argument(
        "--remove-leftovers",
        action="store_true",
        help="remove throwaway notebooks that an earlier one left, without asking",
    )
    parser.set_defaults(run=run_doctor)


def run_doctor(options: argparse.Namespace) -> int:
    """Look at everything, or check the contract."""
    import asyncio

    from fabric_assets.client.errors import FabricError
    from fabric_assets.commands.code_location import environment_file
    from fabric_assets.commands.doctor_report import Report, printer

    with environment_file() as from_file:
        if options.contract:
            from fabric_assets.commands.contract import run_contract

            return run_contract(options)
        report = Report() if options.json else Report(printer())
        try:
            asyncio.run(_examine(options, report, from_file))
        except FabricError as error:
            raise CommandError(str(error)) from error
    if options.json:
        say(report.to_json())
    else:
        note(report.summary())
    return report.exit_code


async def _examine(options: argparse.Namespace, report: "Report", from_file: list[str]) -> None:
    from fabric_assets.client.errors import FabricConfigError
    from fabric_assets.commands.doctor_place import examine_code_location, examine_dagster, examine_versions
    from fabric_assets.commands.fabric_choice import chosen_fabrics

    examine_versions(report)
    if from_file:
        report.ok(".env", f"sets {', '.join(sorted(from_file))}")
    location = examine_code_location(report, options.module)
    examine_dagster(report)
    try:
        fabrics = chosen_fabrics(location, options.workspace)
    except FabricConfigError as error:
        report.problem(
            "configuration", str(error), "Correct the resource in the code location, or set the variable."
        )
        for name in _AFTER_CONNECTION:
            report.skipped(name, "which Fabric is meant is not known")
        return
    for chosen in fabrics:
        prefix = f"{chosen.key}: " if len(fabrics) > 1 else ""
        await _examine_fabric(report, location, chosen, prefix, all_of_them=options.all)
    if location is not None:
        from fabric_assets.commands.doctor_items import examine_data_factories

        await examine_data_factories(report, location)


async def _examine_fabric(
    report: "Report",
    location: "CodeLocation | None",
    chosen: "ChosenFabric",
    prefix: str,
    *,
    all_of_them: bool,
) -> None:
    import asyncio

    from fabric_assets.client.errors import FabricError
    from fabric_assets.commands.doctor_items import examine_items, named_items
    from fabric_assets.commands.doctor_local import examine_local
    from fabric_assets.commands.doctor_notebooks import examine_notebooks, notebook_assets
    from fabric_assets.commands.doctor_service import examined_service, tell_configuration

    assets = notebook_assets(location.assets, chosen.key, chosen.resource) if location else []
    items = named_items(location.assets, chosen.key) if location else []

    def skip(because: str, names: tuple[str, ...] = _AFTER_CONNECTION) -> None:
        for name in names:
            report.skipped(prefix + name, because)
        if assets:
            report.skipped(f"{prefix}notebooks", because)
        if items:
            report.skipped(f"{prefix}items", because)

    try:
        # The local Fabric starts a process and waits for it.
        connection = (
            await asyncio.to_thread(examine_local, report, chosen, prefix)
            if chosen.is_embedded
            else chosen.connection()
        )
    except FabricError as error:
        report.problem(f"{prefix}configuration", str(error))
        skip("the configuration cannot be used")
        return
    if connection is None:
        skip("the local Fabric cannot be used")
        return
    tell_configuration(report, chosen, connection, prefix)
    async with examined_service(report, chosen, connection, prefix) as examined:
        if examined is None:
            skip("the workspace cannot be read", ())
        else:
            await examine_notebooks(report, examined, assets, prefix, all_of_them=all_of_them)
            await examine_items(report, examined, items, prefix)
