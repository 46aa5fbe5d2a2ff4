"""How the progress of a run is shown: a live table in a terminal, else a line for each thing that happens."""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from fabric_assets.commands.output import note
from fabric_assets.commands.running_progress import AssetProgress, AssetState, ProgressLine, RunProgress

_STYLES: dict[AssetState, str] = {
    "waiting": "dim",
    "queued": "dim",
    "running": "cyan",
    "retrying": "yellow",
    "materialized": "green",
    "observed": "green",
    "failed": "bold red",
    "cancelled": "yellow",
    "skipped": "yellow",
    "not run": "dim",
}
_FIRST: list[AssetState] = [
    "failed",
    "running",
    "retrying",
    "cancelled",
    "skipped",
    "queued",
    "materialized",
    "observed",
    "not run",
]
_LINES_BESIDE = 6
_MOST_KEPT = 100_000
_REFRESHES_PER_SECOND = 4


class Display(Protocol):
    """Shows a run."""

    def update(self, progress: RunProgress, lines: list[ProgressLine]) -> None:
        """Show where it is, after these lines."""
        ...

    def say(self, text: str) -> None:
        """Show a line that is not from the run."""
        ...


class PlainDisplay:
    """A line for each thing that happens. Whoever reads them may leave; the run goes on.

    Args:
        file: where they go.
    """

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def update(self, progress: RunProgress, lines: list[ProgressLine]) -> None:
        """Print the lines."""
        for line in lines:
            at = datetime.fromtimestamp(line.at).astimezone()
            mark = "warning: " if line.is_warning and not line.text.startswith("failed") else ""
            self.say(f"{at:%H:%M:%S} {line.asset or 'run'}: {mark}{line.text}")

    def say(self, text: str) -> None:
        """Print a line."""
        try:
            print(text, file=self._file, flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self._file.fileno())


class LiveDisplay:
    """A table that follows the run; warnings scroll by above it.

    Args:
        console: the terminal.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(
            console=console,
            refresh_per_second=_REFRESHES_PER_SECOND,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show the table meanwhile; at the end it stays."""
        with self._live:
            yield

    def update(self, progress: RunProgress, lines: list[ProgressLine]) -> None:
        """Redraw the table."""
        for line in lines:
            if line.is_warning:
                self._live.console.print(Text(f"{line.asset or 'run'}: {line.text}", style="yellow"))
        self._live.update(self.table(progress, time.time()))

    def say(self, text: str) -> None:
        """Print a line above the table."""
        self._live.console.print(Text(text))

    def table(self, progress: RunProgress, now: float) -> Group:
        """The table, no higher than the terminal."""
        most = max(3, self._console.size.height - _LINES_BESIDE)
        assets = list(progress.assets.values())
        shown = assets if len(assets) <= most else sorted(assets, key=lambda a: _FIRST.index(a.state))[:most]
        table = Table(box=None, pad_edge=False, expand=True)
        table.add_column("asset", no_wrap=True, max_width=40)
        table.add_column("state", no_wrap=True)
        table.add_column("job instance", no_wrap=True)
        table.add_column("time", justify="right", no_wrap=True)
        table.add_column("", ratio=1, no_wrap=True, overflow="ellipsis")
        for asset in shown:
            table.add_row(*_cells(progress, asset, now))
        rest = len(assets) - len(shown)
        ended = sum(asset.has_ended for asset in assets)
        told = f"{ended} of {len(assets)} ended" + (f", {rest} not shown" if rest else "")
        return Group(table, Text(told, style="dim"))


def _cells(progress: RunProgress, asset: AssetProgress, now: float) -> list[Text]:
    waits = progress.waits_for(asset) if asset.state == "queued" else []
    state: AssetState = "waiting" if waits else asset.state
    seconds = asset.seconds(now)
    if waits:
        text = f"for {', '.join(waits)}"
    elif asset.state == "running" and "job instance" in asset.text:
        text = asset.status or "started"
    else:
        text = asset.text
    return [
        Text(asset.name),
        Text(state, style=_STYLES[state]),
        Text(asset.job_instance_id[:8], style="dim"),
        Text("" if seconds is None else _duration(seconds)),
        Text(text),
    ]


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


@contextmanager
def display(*, plain: bool) -> Iterator[Display]:
    """What fits where the output goes.

    Beside it nothing else may write to the terminal: what libraries, Dagster's helper processes and steps write
    themselves is kept until the end. (Dagster stores what steps write, too.)

    Args:
        plain: lines, in a terminal too.
    """
    sys.stdout.flush()
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8", errors="replace") as file:
        console = Console(file=file, highlight=False)
        if plain or not console.is_terminal:
            with _kept_back([sys.stderr]):
                yield PlainDisplay(file)
            return
        live = LiveDisplay(console)
        with _kept_back([sys.stdout, sys.stderr]), live.shown():
            yield live


@contextmanager
def _kept_back(streams: list[IO[str]]) -> Iterator[None]:
    """Keep what is written to streams back, and print it at the end, on standard error.

    After an interruption that would be helper processes that say that they were interrupted too.
    """
    numbers = [stream.fileno() for stream in streams]
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as kept:
        copies = [os.dup(number) for number in numbers]
        for stream, number in zip(streams, numbers, strict=True):
            stream.flush()
            os.dup2(kept.fileno(), number)
        try:
            yield
        finally:
            for stream, number, copy in zip(streams, numbers, copies, strict=True):
                stream.flush()
                os.dup2(copy, number)
                os.close(copy)
            kept.seek(0, os.SEEK_END)
            kept.seek(max(0, kept.tell() - _MOST_KEPT))
            text = kept.read().strip()
            if text and "KeyboardInterrupt" not in text:
                note(text)
