"""``fabric-assets``: arguments in, exit code out."""

import argparse
import sys
from collections.abc import Sequence

from fabric_assets.local import LocalFabricError, command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 if it did what it was asked for, 1 if it could not (the reason is printed), 2 for wrong arguments.
    """
    parser = argparse.ArgumentParser(
        prog="fabric-assets", description="Microsoft Fabric notebooks as Dagster assets."
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    local = commands.add_parser(
        "local",
        help="run the embedded local Fabric in the foreground",
        description="Runs the embedded local Fabric in the foreground and prints its URL, workspace id and token.",
    )
    command.add_arguments(local)
    local.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except LocalFabricError as error:
        print(f"fabric-assets: {error}", file=sys.stderr)  # noqa: T201 -- the command's output
        return 1
