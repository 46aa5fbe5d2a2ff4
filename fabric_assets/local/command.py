"""The command ``fabric-assets local``: run the local Fabric in the foreground, look at it, stop it."""

import argparse
import logging
import math
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from fabric_assets.local.errors import LocalFabricError, explain_import
from fabric_assets.local.home import LocalHome

if TYPE_CHECKING:
    from fabric_assets.local.items import Workspace
    from fabric_assets.local.server_file import LocalFabric

DEFAULT_HOME = ".fabric_local"
HOME_VARIABLE = "FABRIC_LOCAL_HOME"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of the command."""
    parser.add_argument(
        "--home",
        type=Path,
        default=Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME),
        help=f"folder with workspaces and lakehouses (default: ${HOME_VARIABLE} or {DEFAULT_HOME})",
    )
    parser.add_argument(
        "--port", type=_port, help="port on 127.0.0.1 (default: the one of last time, or a free one)"
    )
    parser.add_argument(
        "--idle-seconds", type=_seconds, default=0.0, help="end when unused for so long (default: 0, never)"
    )
    parser.add_argument(
        "--simulate", type=Path, metavar="FILE", help="run no kernels, but do what this script says"
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument(
        "--stop", action="store_true", help="stop the one that is running; its job instances fail"
    )
    action.add_argument("--status", action="store_true", help="tell whether one is running, and where")


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port")
    return int(text)


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 <= (seconds := float(text)) < math.inf:
            return seconds
    raise argparse.ArgumentTypeError(f"{text!r} is no number of seconds")


def run(args: argparse.Namespace, *, with_token: bool = True) -> int:
    """Do what the options say.

    Args:
        args: the parsed options.
        with_token: print the token; a log file should not have it.

    Returns:
        The exit code.
    """
    home = LocalHome(args.home.expanduser().absolute())
    try:
        if args.stop:
            return _stop(home)
        if args.status:
            return _status(home)
        return _serve(home, args, with_token=with_token)
    except LocalFabricError as error:
        print(f"error: {error}", file=sys.stderr)  # noqa: T201
        return 1


def _serve(home: LocalHome, args: argparse.Namespace, *, with_token: bool) -> int:
    try:
        from fabric_assets.local.script import load_script
        from fabric_assets.local.server import ServerSettings, serve
    except ImportError as error:
        raise explain_import(error) from error
    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("fabric_assets.local").setLevel(logging.INFO)
    script = load_script(args.simulate) if args.simulate else None
    settings = ServerSettings(home, script=script, port=args.port, idle_seconds=args.idle_seconds)
    serve(settings, lambda fabric, workspaces: _show(home, fabric, workspaces, with_token=with_token))
    return 0


def _show(home: LocalHome, fabric: "LocalFabric", workspaces: "list[Workspace]", *, with_token: bool) -> None:
    token = fabric.token if with_token else f"in {home.server_file}"
    lines = [
        f"Local Fabric of {home.root}",
        f"  FABRIC_API_URL       {fabric.url}",
        f"  FABRIC_WORKSPACE_ID  {fabric.workspace_id}",
        f"  FABRIC_ACCESS_TOKEN  {token}",
    ]
    for workspace in workspaces:
        lines.append(f"  workspace '{workspace.display_name}': {len(workspace.items)} items")
        lines += [f"    broken: {entry.path}: {entry.reason}" for entry in workspace.broken]
    print("\n".join(lines), flush=True)  # noqa: T201


def _stop(home: LocalHome) -> int:
    from fabric_assets.local.process import stop

    print("stopped" if stop(home.root) else f"no local Fabric is running on {home.root}")  # noqa: T201
    return 0


def _status(home: LocalHome) -> int:
    from fabric_assets.local.process import is_running
    from fabric_assets.local.server_file import read_server_file, sign_of_life

    if not is_running(home):
        print(f"no local Fabric is running on {home.root}")  # noqa: T201
        return 1
    running = read_server_file(home)
    alive = sign_of_life(running) if running else None
    if running is None or alive is None:
        print(f"a local Fabric runs on {home.root}, but does not answer")  # noqa: T201
        return 1
    print(  # noqa: T201
        f"Local Fabric of {home.root}\n"
        f"  FABRIC_API_URL       {running.url}\n"
        f"  FABRIC_WORKSPACE_ID  {running.workspace_id}\n"
        f"  FABRIC_ACCESS_TOKEN  in {home.server_file}\n"
        f"  process {running.pid}, version {alive.version}, {alive.active_job_instances} active job instances"
    )
    return 0
