"""``fabric-assets status``: the job instances of a workspace, running and recent, and who started them."""

import argparse
import contextlib
import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fabric_assets.commands.output import CommandError, UsageError, note, say
from fabric_assets.commands.place_options import add_module_option, add_workspace_option

if TYPE_CHECKING:
    import dagster as dg
    from rich.console import RenderableType

    from fabric_assets.client.inspection import InspectingClient
    from fabric_assets.client.models import Item, Workspace
    from fabric_assets.commands.status_rows import Listing, StatusRow
    from fabric_assets.connection import Connection

_PATIENCE_SECONDS = 30.0
_WATCH_SECONDS = {True: 1.0, False: 15.0}  # by whether it is a local Fabric, where there is no quota
_MOST_HOURS = 100_000.0
_QUOTA_SHARE = 0.25  # the rest is for whoever runs notebooks as the same identity meanwhile


_TITLES = ("item", "status", "started", "duration", "by", "asset", "job instance")
_FIXED = (1, 2, 3, 6)
_LONGEST_NAME = 36
_STYLES = {"Completed": "green", "Failed": "bold red", "Cancelled": "yellow", "Deduped": "yellow"}


def add_status(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the command ``status``."""
    parser = commands.add_parser(
        "status",
        help="show the job instances of the workspace, running and recent",
        description="Shows the job instances of the workspace, running and recent: status, duration, who started them, "
        "and for which asset. Exit code 1 if the workspace cannot be read, else 0.",
    )
    add_workspace_option(parser)
    add_module_option(parser)
    parser.add_argument(
        "--hours", type=float, default=24.0, metavar="N", help="how far to look back (default: 24)"
    )
    parser.add_argument("--notebook", metavar="NAME", help="only this notebook (name or GUID)")
    parser.add_argument(
        "--lists",
        type=int,
        default=20,
        metavar="N",
        help="read the own lists of so many items, a call of the quota each (default: 20)",
    )
    parser.add_argument("--watch", action="store_true", help="go on until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=show_status)


def show_status(options: argparse.Namespace) -> int:
    """Show the job instances."""
    import asyncio

    from fabric_assets.client.errors import FabricError
    from fabric_assets.commands.code_location import CodeLocationError, environment_file
    from fabric_assets.commands.fabric_choice import chosen_fabrics, optional_code_location

    if not 0 < options.hours <= _MOST_HOURS:
        raise UsageError(f"--hours {options.hours:g}: it must be more than 0, and {_MOST_HOURS:g} at most")
    if options.lists < 0:
        raise UsageError(f"--lists {options.lists}: it must not be less than 0")
    if options.watch and options.json:
        raise UsageError("give --watch or --json, not both")
    with environment_file():
        try:
            connection = chosen_fabrics(optional_code_location(options.module), options.workspace)[
                0
            ].connection()
            assert connection is not None  # noqa: S101 -- with start_local it is never None
            with _instance() as instance:
                asyncio.run(_show(options, connection, instance))
        except KeyboardInterrupt:
            if not options.watch:
                raise
        except (FabricError, CodeLocationError) as error:
            raise CommandError(str(error)) from error
    return 0


@contextlib.contextmanager
def _instance() -> "Iterator[dg.DagsterInstance | None]":
    """The Dagster instance of ``DAGSTER_HOME``, ``None`` if there is none: then no asset can be told."""
    from fabric_assets.commands.code_location import dagster_instance

    if not os.environ.get("DAGSTER_HOME"):
        yield None
        return
    with contextlib.ExitStack() as stack:
        instance = None
        try:
            instance, _ = stack.enter_context(dagster_instance("fabric-assets status"))
        except (UsageError, CommandError, ImportError) as error:
            note(f"assets are not told: {error}")
        yield instance


async def _show(
    options: argparse.Namespace, connection: "Connection", instance: "dg.DagsterInstance | None"
) -> None:
    from fabric_assets.client.directory import Directory
    from fabric_assets.client.inspection import InspectingClient
    from fabric_assets.client.quota import OpenGate
    from fabric_assets.jobs.call_budget import QUOTA_CALLS_PER_MINUTE, CallBudget

    gate = OpenGate() if connection.is_local else CallBudget(int(QUOTA_CALLS_PER_MINUTE * _QUOTA_SHARE))
    async with InspectingClient(
        connection.api_url, connection.token_source(), patience_seconds=_PATIENCE_SECONDS, gate=gate
    ) as client:
        directory = Directory(client)
        workspace = await directory.workspace(connection.workspace, configured_in=connection.configured_in)
        notebook = None
        if options.notebook:
            notebook = await directory.item(
                workspace, options.notebook, "Notebook", configured_in="--notebook"
            )
        if options.watch:
            await _watch(options, client, workspace, notebook, instance, _WATCH_SECONDS[connection.is_local])
            return
        listing = await _listing(options, client, workspace, notebook, instance)
    if options.json:
        rows = [row.to_json(listing.now) for row in listing.rows]
        say(
            json.dumps(
                {
                    "workspace": workspace.display_name,
                    "workspace_id": workspace.id,
                    "items": listing.items,
                    "lists_read": listing.asked,
                    "missing": listing.missing,
                    "job_instances": rows,
                },
                indent=2,
            )
        )
        return
    _print(listing)
    say(_summary(options, listing, workspace, instance))


async def _listing(
    options: argparse.Namespace,
    client: "InspectingClient",
    workspace: "Workspace",
    notebook: "Item | None",
    instance: "dg.DagsterInstance | None",
) -> "Listing":
    import asyncio

    from fabric_assets.client.errors import FabricTransportError
    from fabric_assets.commands.status_rows import list_job_instances, with_owners
    from fabric_assets.instance_ledger import claims

    listing = await list_job_instances(
        client, workspace, hours=options.hours, notebook=notebook, most_lists=options.lists
    )
    if listing.missing and not listing.asked and not listing.rows:
        raise FabricTransportError("; ".join(listing.missing), may_have_arrived=False)
    if instance is not None:
        owners = await asyncio.to_thread(claims, instance, {row.job_instance_id for row in listing.rows})
        listing.rows = with_owners(listing.rows, owners)
    return listing


async def _watch(
    options: argparse.Namespace,
    client: "InspectingClient",
    workspace: "Workspace",
    notebook: "Item | None",
    instance: "dg.DagsterInstance | None",
    seconds: float,
) -> None:
    """Show it again and again: a table that follows in a terminal, else a line for each change."""
    import asyncio

    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    console = Console(highlight=False)
    told: dict[str, str] = {}
    with contextlib.ExitStack() as stack:
        live = stack.enter_context(Live(console=console, auto_refresh=False)) if console.is_terminal else None
        while True:
            listing = await _listing(options, client, workspace, notebook, instance)
            if live is not None:
                summary = f"{_summary(options, listing, workspace, instance)}; Ctrl-C ends"
                most = max(3, console.size.height - 4)
                live.update(Group(_table(listing, most), Text(summary, style="dim")), refresh=True)
            else:
                for row in reversed(listing.rows):
                    if told.get(row.job_instance_id) != row.status:
                        told[row.job_instance_id] = row.status
                        say("  ".join(cell for cell in _cells(row, listing) if cell))
            # Each own list that is read is a call: with many, less often.
            await asyncio.sleep(max(seconds, listing.asked * seconds / 10))


def _print(listing: "Listing") -> None:
    from rich.console import Console

    if not listing.rows:
        return
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(_table(listing, len(listing.rows)))
        return
    rows: list[tuple[str, ...]] = [_TITLES]
    rows += [_cells(row, listing) for row in listing.rows]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        say("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _table(listing: "Listing", most: int) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    rows = [_cells(row, listing, short=True) for row in listing.rows[:most]]
    columns = [number for number in range(len(_TITLES)) if any(cells[number] for cells in rows)]
    table = Table(box=None, pad_edge=False)
    for number in columns:
        # Names give way in a narrow terminal, times and ids do not.
        least = max(len(text) for text in (_TITLES[number], *(cells[number] for cells in rows)))
        table.add_column(
            _TITLES[number],
            no_wrap=True,
            overflow="ellipsis",
            min_width=least if number in _FIXED else 12,
            max_width=_LONGEST_NAME if number == 0 else None,
        )
    for row, cells in zip(listing.rows, rows, strict=False):
        styles = ["", _STYLES.get(row.status, "cyan"), *[""] * (len(cells) - 2)]
        table.add_row(*(Text(cells[number], style=styles[number]) for number in columns))
    return table


def _cells(row: "StatusRow", listing: "Listing", *, short: bool = False) -> tuple[str, ...]:
    """The columns of a row; ``short`` is for a terminal, where ids are cut and times of today have no date."""
    seconds, moment = row.seconds(listing.now), row.started and row.started.astimezone()
    started = "" if moment is None else f"{moment:%Y-%m-%d %H:%M:%S}"
    if short and moment is not None and moment.date() == listing.now.astimezone().date():
        started = f"{moment:%H:%M:%S}"
    submitter, ids = row.submitter, (row.job_instance_id, row.run_id or "")
    if short:
        ids = (ids[0][:8], ids[1][:8])
        submitter = submitter and submitter[: submitter.find(" ") + 9]
    by = ", ".join(part for part in (row.invoked, submitter) if part)
    asset = f"{row.asset}{f' [{row.partition}]' if row.partition else ''}" if row.asset else ""
    if row.run_id:
        asset += f" (run {ids[1]})"
    duration = "" if seconds is None else _duration(seconds)
    return row.item, row.status, started, duration, by, asset, ids[0]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _summary(
    options: argparse.Namespace,
    listing: "Listing",
    workspace: "Workspace",
    instance: "dg.DagsterInstance | None",
) -> str:
    running = sum(row.is_running for row in listing.rows)
    text = (
        f"{workspace.display_name}: {running} running, {len(listing.rows) - running} ended in the last "
        f"{options.hours:g} hours"
    )
    if listing.asked < listing.items:
        text += f"; of {listing.items} items, the own lists of {listing.asked} were read (--lists)"
    if listing.missing:
        text += f"; not read: {'; '.join(listing.missing)}"
    if instance is None and listing.rows and not os.environ.get("DAGSTER_HOME"):
        text += "; DAGSTER_HOME is not set, so assets are not told"
    return text
