"""``fabric-assets``: arguments in, exit code out."""

import argparse
import logging
import os
import sys
from collections.abc import Sequence

from fabric_assets.commands import doctor, importing, lineage, running, status
from fabric_assets.commands.output import CommandError, UsageError, note
from fabric_assets.local import LocalFabricError, command


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        0 if it did what it was asked for, 1 if it could not or found something wrong (it is printed), 2 for wrong
        arguments, 130 if it was interrupted.
    """
    parser = argparse.ArgumentParser(
        prog="fabric-assets", description="Microsoft Fabric notebooks as Dagster assets."
    )
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    lineage.add_lineage(commands)
    lineage.add_check(commands)
    importing.add_import(commands)
    importing.add_validate(commands)
    doctor.add_doctor(commands)
    running.add_run(commands)
    status.add_status(commands)
    local = commands.add_parser(
        "local",
        help="run the embedded local Fabric in the foreground",
        description="Runs the embedded local Fabric in the foreground and prints its URL, workspace id and token.",
    )
    command.add_arguments(local)
    local.set_defaults(run=command.run)
    options = parser.parse_args(arguments)
    # What azure-identity warns of stands in the error, in a line instead of a screen.
    logging.getLogger("azure").addHandler(logging.NullHandler())
    exit_code = 1
    try:
        exit_code = int(options.run(options))
        print(end="", flush=True)  # noqa: T201 -- a reader who has left shows only now
    except UsageError as error:
        note(f"fabric-assets: {error}")
        return 2
    except (CommandError, LocalFabricError) as error:
        note(f"fabric-assets: {error}")
        return 1
    except KeyboardInterrupt:
        note("fabric-assets: interrupted")
        return 130
    except BrokenPipeError:
        # Whoever reads the output has seen enough; nothing may be written at exit any more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("fabric_assets"):
            raise
        note(f"fabric-assets: the package {error.name} is needed for this: pip install {error.name}")
        return 1
    return exit_code
