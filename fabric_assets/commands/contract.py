"""``fabric-assets doctor --contract``: does the service behave as this package expects?"""

import argparse
import asyncio
import signal
import sys
import time
import uuid
from contextlib import suppress

from fabric_assets.client.directory import Directory
from fabric_assets.client.errors import FabricError
from fabric_assets.client.fabric_client import FabricClient
from fabric_assets.client.models import ENDED_STATUSES, Workspace
from fabric_assets.commands import contract_judgement as judge
from fabric_assets.commands.code_location import CodeLocationError
from fabric_assets.commands.contract_findings import Findings, printer
from fabric_assets.commands.contract_jobs import Jobs, Observed
from fabric_assets.commands.contract_notebooks import (
    ARGUMENTS,
    LeftOver,
    Throwaways,
    generic_parameters,
    notebook_route_parameters,
)
from fabric_assets.commands.contract_wire import Answer, Wire, WireError
from fabric_assets.commands.fabric_choice import chosen_fabrics, optional_code_location
from fabric_assets.commands.output import CommandError, UsageError, note, say
from fabric_assets.connection import Connection

PARTS = ("twice", "route", "fails", "cancel")
"""The throwaway notebooks: run on the generic route twice at once, on the notebook route, to fail, to be cancelled."""

_LOCAL_POLL_SECONDS = 0.3
_FABRIC_POLL_SECONDS = 6.0
_LONGEST_RUN_SECONDS = 900
_PATIENCE_SECONDS = 20.0
_RUN_SECONDS = 2
_BETWEEN_STARTS_SECONDS = 0.5
_QUIET_SECONDS = 20.0
_MOST_SECONDS = 86_400.0


def run_contract(options: argparse.Namespace) -> int:
    """Check the contract.

    Raises:
        UsageError: an option is wrong.
        CommandError: the workspace cannot be used.
    """
    if not 0 < options.timeout <= _MOST_SECONDS:
        raise UsageError(
            f"--timeout {options.timeout:g}: it must be more than 0, and {_MOST_SECONDS:g} at most"
        )
    findings = Findings() if options.json else Findings(printer())
    try:
        fabrics = chosen_fabrics(optional_code_location(options.module), options.workspace)
        connection = fabrics[0].connection()
        assert connection is not None  # noqa: S101 -- with start_local it is never None
        check = _Check(connection, findings, options)
        asyncio.run(check.run())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None  # a SIGTERM
    except (FabricError, CodeLocationError) as error:
        raise CommandError(str(error)) from error
    if options.json:
        say(
            findings.to_json(
                workspace=connection.workspace,
                api_url=connection.api_url,
                calls=check.calls,
                stopped=check.stopped,
            )
        )
    else:
        say(findings.summary())
    return 1 if check.not_removed or check.stopped else findings.exit_code


def _mention(text: str) -> None:
    """Print a line that may get lost: whoever read the output has gone, but the notebooks must go too."""
    with suppress(OSError):
        note(text)


def _leaves(group: BaseExceptionGroup[BaseException]) -> list[BaseException]:
    return [
        leaf
        for error in group.exceptions
        for leaf in (_leaves(error) if isinstance(error, BaseExceptionGroup) else [error])
    ]


class _Check:
    """One check of the contract."""

    def __init__(self, connection: Connection, findings: Findings, options: argparse.Namespace) -> None:
        self._connection = connection
        self._findings = findings
        self._options = options
        self.calls = 0
        self.not_removed: list[str] = []
        self.stopped = ""

    async def run(self) -> None:
        """Make the notebooks, look at everything, and remove them whatever happens."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 -- a coroutine of asyncio.run is a task
        with suppress(NotImplementedError):  # there are no such handlers on Windows
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        workspace = await self._workspace()
        note(f"checking {self._connection.api_url}, workspace {workspace.display_name!r}")
        poll_seconds = _LOCAL_POLL_SECONDS if self._connection.is_local else _FABRIC_POLL_SECONDS
        async with Wire(self._connection) as wire:
            throwaways = Throwaways(wire, workspace.id, _mention)
            self._jobs = Jobs(wire, workspace.id, poll_seconds)
            self._wire, self._throwaways, self._workspace_id = wire, throwaways, workspace.id
            await self._left_over()
            try:
                await self._look()
            except* FabricError as errors:
                self.stopped = "; ".join(sorted({str(error) for error in _leaves(errors)}))
                note(f"the check ends here, what comes after could not be told: {self.stopped}")
            finally:
                _mention("removing the throwaway notebooks ...")
                self.not_removed = await throwaways.remove()
                self.calls = wire.calls
                if self.not_removed:
                    _mention(f"could not be removed, please delete them: {', '.join(self.not_removed)}")
            removed = throwaways.removed_with
            self._findings.add(
                "removing a notebook",
                "200",
                ", ".join(sorted({str(answer) for answer in removed})),
                all(answer.status == 200 for answer in removed),
                relied_on=False,
            )
            judge.judge_quota(self._findings, wire)

    async def _workspace(self) -> Workspace:
        client = FabricClient(
            self._connection.api_url, self._connection.token_source(), patience_seconds=_PATIENCE_SECONDS
        )
        async with client:
            return await Directory(client).workspace(
                self._connection.workspace, configured_in=self._connection.configured_in
            )

    async def _left_over(self) -> None:
        """What earlier checks left: remove it if that is wanted."""
        found = await self._throwaways.left_over()
        in_use = [left for left in found if left.may_be_in_use]
        old = [left for left in found if not left.may_be_in_use]
        if in_use:
            note(f"left alone, as another check may be using them: {', '.join(left.name for left in in_use)}")
        if not old:
            return
        names = ", ".join(left.name for left in old)
        note(f"earlier checks left {len(old)} throwaway notebooks: {names}")
        if not self._options.remove_leftovers and not await self._agreed():
            note("they stay; --remove-leftovers removes them")
            return
        for left in old:
            await self._remove(left)

    async def _agreed(self) -> bool:
        if self._options.json or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return False
        answer = await asyncio.to_thread(input, "remove them? [y/N] ")
        return answer.strip().lower() in ("y", "yes")

    async def _remove(self, left: LeftOver) -> None:
        if await self._throwaways.remove_one(left.id):
            note(f"removed {left.name}")
        else:
            note(f"could not remove {left.name}")

    async def _look(self) -> None:
        findings, wire = self._findings, self._wire
        workspace = f"/workspaces/{self._workspace_id}"
        judge.judge_clock(findings, await wire.call("GET", workspace))
        note(f"creating {len(PARTS)} throwaway notebooks ...")
        made = [await self._throwaways.make(part) for part in PARTS]
        judge.judge_making(findings, made[0])
        notebooks = self._throwaways.notebooks
        first = await wire.call("POST", f"{workspace}/notebooks/{notebooks['twice']}/getDefinition")
        result: Answer | str
        try:
            result = await wire.finished(first)
        except WireError as error:
            result = str(error)
        judge.judge_definition(findings, first, result, wire.host)
        await self._refusals(notebooks["twice"])
        await self._job_instances(notebooks)

    async def _refusals(self, notebook_id: str) -> None:
        wire, item = self._wire, f"/workspaces/{self._workspace_id}/items/{notebook_id}"
        unknown = await wire.call("GET", f"/workspaces/{self._workspace_id}/items/{uuid.uuid4()}")
        job_type = await wire.call("POST", f"{item}/jobs/instances", params={"jobType": "NoSuchJobType"})
        judge.judge_refusals(self._findings, unknown, job_type)

    async def _job_instances(self, notebooks: dict[str, str]) -> None:
        jobs, deadline = self._jobs, time.monotonic() + self._options.timeout
        values = {**ARGUMENTS, "seconds": _RUN_SECONDS}
        typed, twice = generic_parameters(**values), notebooks["twice"]
        note(f"starting 5 job instances; each is waited for up to {self._options.timeout:g} s ...")
        generic = await jobs.start_generic(twice, typed)
        route = await jobs.start_on_notebook_route(notebooks["route"], notebook_route_parameters(**values))
        fails = await jobs.start_generic(notebooks["fails"], generic_parameters(fail=True))
        cancel = await jobs.start_generic(
            notebooks["cancel"], generic_parameters(seconds=_LONGEST_RUN_SECONDS)
        )
        await asyncio.sleep(_BETWEEN_STARTS_SECONDS)
        second = await jobs.start_generic(twice, typed, type_in_path=True)
        observed = {
            "generic": generic,
            "notebook route": route,
            "failing": fails,
            "cancelled": cancel,
            "second": second,
        }
        sessions: list[Answer] = []
        async with asyncio.TaskGroup() as group:
            for job in (generic, route, fails, second):
                group.create_task(jobs.watch(job, deadline))
            cancelling = group.create_task(self._cancel(cancel, deadline))
            group.create_task(self._sessions(sessions, [generic, route, second], deadline))
            group.create_task(self._progress(observed, deadline))
        sessions.append(await jobs.sessions())
        self._judge(
            observed, sessions, cancelling.result(), await self._details(generic), await self._details(route)
        )
        if generic.id is not None:
            listed = await jobs.listed(generic.notebook_id)
            ids = {job.id for job in (generic, second) if job.id is not None}
            judge.judge_lists(self._findings, listed, ids, sessions, list(observed.values()))
        # Last, as a service that does not refuse it runs the notebook.
        odd = await jobs.start_generic(notebooks["fails"], {"no name": {"value": 1, "type": "int"}})
        judge.judge_parameter_name(self._findings, odd.started)

    def _judge(
        self,
        observed: dict[str, Observed],
        sessions: list[Answer],
        cancelled: tuple[Answer | None, float | None, Answer | None],
        details: Answer | None,
        other_details: Answer | None,
    ) -> None:
        findings = self._findings
        generic, route, second = (observed[name] for name in ("generic", "notebook route", "second"))
        judge.judge_start(findings, "the generic route (jobType in the query)", generic)
        judge.judge_start(findings, "the generic route (jobType in the path)", second, relied_on=False)
        judge.judge_start(findings, "the notebook route", route)
        judge.judge_first_reads(findings, observed.values())
        judge.judge_statuses(findings, observed)
        judge.judge_ends(findings, observed)
        judge.judge_exit_value(findings, generic, route, details, other_details)
        judge.judge_failure(findings, observed["failing"])
        judge.judge_cancel(findings, observed["cancelled"], *cancelled)
        judge.judge_two_at_once(findings, generic, second)
        judge.judge_capacity(findings, observed.values())

    async def _cancel(
        self, job: Observed, deadline: float
    ) -> tuple[Answer | None, float | None, Answer | None]:
        """Cancel it when it runs, and once more when it has ended.

        Returns:
            The answer to the first cancel, the seconds until the end was shown, the answer to the second one.
        """
        if job.id is None:
            return None, None, None
        # Half of the time is left for the cancel.
        until = time.monotonic() + (deadline - time.monotonic()) / 2
        await self._jobs.watch(job, until, until=frozenset({"InProgress"}) | ENDED_STATUSES)
        if job.has_ended:
            return None, None, None
        asked, began = await self._jobs.cancel(job), time.monotonic()
        await self._jobs.watch(job, deadline)
        seconds = time.monotonic() - began
        return asked, seconds, await self._jobs.cancel(job) if job.has_ended else None

    async def _sessions(self, sessions: list[Answer], jobs: list[Observed], deadline: float) -> None:
        """Read the list of sessions when notebooks run."""
        while time.monotonic() < deadline and not all(job.has_ended or job.id is None for job in jobs):
            if any(job.status == "InProgress" for job in jobs):
                sessions.append(await self._jobs.sessions())
                return
            await asyncio.sleep(self._jobs.poll_seconds)

    async def _details(self, job: Observed) -> Answer | None:
        return await self._jobs.on_notebook_route(job) if job.id is not None and job.has_ended else None

    async def _progress(self, observed: dict[str, Observed], deadline: float) -> None:
        """Say now and then what is waited for."""
        told, told_at = "", time.monotonic()
        while time.monotonic() < deadline:
            waiting = {
                name: job.status or "starting"
                for name, job in observed.items()
                if job.id and not job.has_ended
            }
            if not waiting:
                return
            text = ", ".join(f"{name} ({status})" for name, status in waiting.items())
            if text != told or time.monotonic() - told_at > _QUIET_SECONDS:
                told, told_at = text, time.monotonic()
                _mention(f"  {deadline - time.monotonic():.0f} s left, waiting for: {text}")
            await asyncio.sleep(max(1.0, self._jobs.poll_seconds))
