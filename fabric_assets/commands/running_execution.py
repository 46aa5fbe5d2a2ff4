"""Executes a run in this process, while a second thread follows its events."""

import contextlib
import signal
import socket
import threading
from collections.abc import Iterator
from typing import Any

import dagster as dg

# Not public: what Dagster's own run worker executes runs with.
from dagster._core.execution.api import execute_run_iterator
from dagster._utils.interrupts import capture_interrupts

from fabric_assets.commands.code_location import CodeLocation
from fabric_assets.commands.output import CommandError, UsageError
from fabric_assets.commands.running_display import Display
from fabric_assets.commands.running_progress import RunProgress
from fabric_assets.commands.running_selection import Selected

_LOOK_SECONDS = 0.2
_PAGE = 1000
_CONSOLE = "console"


def execute(
    location: CodeLocation, selected: Selected, instance: dg.DagsterInstance, display: Display
) -> tuple[RunProgress, bool]:
    """Execute the selection to its end.

    Returns:
        What became of each asset, and whether it was interrupted (SIGINT or SIGTERM).

    Raises:
        UsageError: the run config does not fit.
    """
    job = location.reconstructable.get_reconstructable_job(selected.job.name)
    try:
        run = instance.create_run_for_job(
            job_def=selected.job,
            run_config=_quiet(selected),
            tags=dict(selected.tags),
            job_code_origin=job.get_python_origin(),
            repository_load_data=location.repository.repository_load_data,
            asset_selection=selected.keys,
        )
    except dg.DagsterInvalidConfigError as error:
        detail = "\n".join(f"  {line}" for line in str(error).splitlines()[1:] if line.strip())
        raise UsageError(
            f"the run config does not fit:\n{detail}\nSet values with --set Asset.param=value or with --config"
        ) from error
    except dg.DagsterError as error:
        raise UsageError(str(error).splitlines()[0]) from error
    order = [
        key for layer in selected.job.asset_layer.asset_graph.toposorted_asset_keys_by_level for key in layer
    ]
    progress = RunProgress.of(
        {
            key.to_user_string(): [parent.to_user_string() for parent in selected.parents(key)]
            for key in sorted(selected.keys, key=order.index)
        },
        {key.to_user_string() for key in selected.keys if selected.job.asset_layer.get(key).is_observable},
    )
    display.say(f"run {run.run_id}")
    with _signals() as arrived:
        follower = _Follower(instance, run, progress, display, arrived)
        follower.start()
        try:
            for _ in execute_run_iterator(job, run, instance):
                # An executor that is interrupted says so before Dagster asks whether anybody wanted it to be.
                follower.look_for_signals()
        except dg.DagsterExecutionInterruptedError:
            follower.interrupted = True
        finally:
            follower.finish()
    if not progress.status:
        ended = instance.get_run_by_id(run.run_id)
        raise CommandError(f"run {run.run_id} did not end; it is {ended.status.value if ended else 'gone'}")
    return progress, follower.interrupted


def _quiet(selected: Selected) -> dict[str, Any]:
    """The run config with Dagster's console logger silenced: its lines are shown in our way."""
    config = dict(selected.run_config)
    if "loggers" not in config and set(selected.job.loggers) == {_CONSOLE}:
        config["loggers"] = {_CONSOLE: {"config": {"log_level": "CRITICAL"}}}
    return config


@contextlib.contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket that gets a byte for each signal that arrives, whatever handler Dagster has set for it by then."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    with reader, writer, capture_interrupts():
        before = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(before)


class _Follower(threading.Thread):
    """Reads the run's events from the instance as they are written, by whichever process."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        run: dg.DagsterRun,
        progress: RunProgress,
        display: Display,
        signals: socket.socket,
    ) -> None:
        super().__init__(name="fabric-assets-progress", daemon=True)
        self._instance = instance
        self._run = run
        self._progress = progress
        self._display = display
        self._signals = signals
        self._cursor: str | None = None
        self._over = threading.Event()
        self.interrupted = False
        self._looking_for_signals = threading.Lock()
        self._error: Exception | None = None

    def run(self) -> None:
        """Look until the run is over."""
        try:
            while not self._over.wait(_LOOK_SECONDS):
                self.look_for_signals()
                self._look()
        except Exception as error:  # noqa: BLE001 -- it must not end the run, which goes on without a display
            self._error = error

    def look_for_signals(self) -> None:
        """If one has arrived, say so, and ask to cancel the run: it then ends as cancelled, not as failed."""
        with self._looking_for_signals, contextlib.suppress(BlockingIOError):
            arrived = self._signals.recv(64)
            if self.interrupted or not {signal.SIGINT, signal.SIGTERM} & set(arrived):
                return
            self.interrupted = True
            self._display.say("interrupted: cancelling what runs in Fabric ...")
            self._instance.report_run_canceling(self._run, message="Interrupted at the command line.")

    def finish(self) -> None:
        """Show the last events."""
        self._over.set()
        self.join()
        if self._error is not None:
            self._display.say(f"the progress could not be shown to its end: {self._error}")
        self._look()

    def _look(self) -> None:
        while True:
            found = self._instance.get_records_for_run(self._run.run_id, cursor=self._cursor, limit=_PAGE)
            lines = [line for record in found.records for line in self._progress.take(record.event_log_entry)]
            self._cursor = found.cursor
            self._display.update(self._progress, lines)
            if not found.has_more:
                return
