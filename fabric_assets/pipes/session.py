"""Runs a notebook that speaks: tells it where to write, reads while it runs, and keeps what it reported."""

import json
import logging
import re
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, TypeVar

import dagster as dg
import stamina

from fabric_assets.client.compute import ComputeSettings
from fabric_assets.client.errors import FabricError
from fabric_assets.client.retry import notice
from fabric_assets.connection import Connection
from fabric_assets.job_asset import JobStart
from fabric_assets.jobs import background_loop
from fabric_assets.jobs.control import JobControl
from fabric_assets.jobs.job import JobOutcome, NotebookJob, Tell
from fabric_assets.pipes.files import FilesError
from fabric_assets.pipes.messages import MessageReader, Messages, delivery
from fabric_assets.pipes.notes import Note, PipesNotes
from fabric_assets.pipes.place import Place, find_place
from fabric_assets.pipes.reader import MESSAGES, Reader
from fabric_assets.pipes.settings import PARAMETER, PipesFiles
from fabric_assets.pipes.streams import ChunkStream, FileStream
from fabric_assets.resource import FabricResource

_CLEAN_UP_SECONDS = 10.0
_ATTEMPTS = 5
_LONGEST_NAME = 60

T = TypeVar("T")


class SpeakingNotebook:
    """One materialization by a notebook whose messages are read.

    Args:
        start: the materialization.
        pipes: where its messages lie.
        notebook: display name or GUID of the notebook.
        workspace: display name or GUID of its workspace; ``None``: the resource's.
        compute: its compute settings.
    """

    def __init__(
        self,
        start: JobStart,
        pipes: PipesFiles,
        notebook: str,
        *,
        workspace: str | None,
        compute: ComputeSettings | None,
    ) -> None:
        self._start = start
        self._pipes = pipes
        self._compute = compute
        self._workspace = workspace
        fabric: FabricResource = start.resource
        connected = fabric.control()
        assert connected is not None  # noqa: S101 -- with start_local it is never None
        self._connection: Connection = connected[0]
        self._control: JobControl = connected[1]
        self._home = fabric.local_home
        self._unread = False
        self._cancel_seconds = fabric.cancel_timeout_seconds + _CLEAN_UP_SECONDS
        self._job = NotebookJob(
            asset=start.asset,
            notebook=fabric.notebook_name(notebook),
            workspace=workspace or self._connection.workspace,
            workspace_configured_in=f"asset {start.asset}" if workspace else self._connection.configured_in,
            parameters=start.parameters,
            compute=compute,
            run_id=start.context.run.run_id,
            **start.options,
        )

    async def run(self) -> JobOutcome:
        """Run the job instance to its end.

        Raises:
            FabricError: it did not complete, or the lakehouse for its messages is not there.
        """
        notes = PipesNotes(
            self._start.context.instance, self._start.context.run, self._start.key, self._start.partition
        )
        before = notes.read()
        run_id = self._start.context.run.run_id
        takes_over = before is not None and self._start.ledger.left_open() is not None
        if before is not None and takes_over:
            told_before = before.told if before.run_id == run_id else 0
            note = Note(before.name, run_id, told_before)
        else:
            told_before, note = 0, Note(_new_name(self._start.asset), run_id)
        notes.write(note)
        left_behind = before.name if before is not None and not takes_over else None
        place = await self._in_background(partial(self._prepare, note.name, left_behind))
        if place is None:
            return await self._in_background(
                lambda tell: self._control.run(self._job, tell, self._start.ledger)
            )
        return await self._run_and_read(place, notes, note, told_before)

    async def _prepare(self, name: str, left_behind: str | None, tell: Tell) -> Place | None:
        """The place for the messages, ready to be written to; ``None`` if it cannot be used."""
        notice.set(tell)
        place = await find_place(
            self._control,
            self._connection,
            self._home,
            self._pipes,
            asset=self._start.asset,
            workspace=self._workspace,
            compute=self._compute,
        )
        try:
            async for attempt in stamina.retry_context(on=_is_passing, attempts=_ATTEMPTS):
                with attempt:
                    await place.files.make_folder(name if self._pipes.chunks else "")
        except FilesError as error:
            tell(
                f"asset {self._start.asset}: the notebook runs, but without messages from it: {error}",
                logging.WARNING,
            )
            return None
        if left_behind is not None and not self._pipes.keep:
            await self._remove(place, left_behind, tell)
        return place

    async def _run_and_read(
        self, place: Place, notes: PipesNotes, note: Note, told_before: int
    ) -> JobOutcome:
        # Dagster's session uses what it has deprecated in the context of an asset.
        context = self._start.context.op_execution_context
        reader = MessageReader(f"{place.path}/{note.name}", _advice(place.files.address(note.name)))
        with dg.open_pipes_session(context, dg.PipesEnvContextInjector(), reader) as session:
            messages = Messages(context, reader, notes, note, told_before)
            told = json.dumps(session.get_bootstrap_env_vars())
            job = replace(self._job, parameters={**self._job.parameters, PARAMETER: told})
            try:
                outcome = await self._in_background(
                    partial(self._read_alongside, job, place, note.name, messages),
                    delivery(messages, self._start.log, MESSAGES),
                )
            except FabricError:
                # What is left open may still be running: a retry takes it over, and reads on.
                if self._start.ledger.left_open() is None:
                    await self._clean_up(place, note.name, messages)
                raise
            finally:
                self._keep(messages)
        await self._clean_up(place, note.name, messages)
        return replace(outcome, parameters=self._job.parameters)

    async def _read_alongside(
        self, job: NotebookJob, place: Place, name: str, messages: Messages, tell: Tell
    ) -> JobOutcome:
        local = self._connection.is_local
        reader = Reader(
            (ChunkStream if self._pipes.chunks else FileStream)(place.files, name),
            tell,
            poll_seconds=self._pipes.poll(local=local),
            last_messages_seconds=self._pipes.last_messages(local=local),
            handled=lambda: messages.handled,
        )
        try:
            return await reader.alongside(self._control.run(job, tell, self._start.ledger))
        finally:
            self._unread = reader.problem is not None

    def _keep(self, messages: Messages) -> None:
        assets = self._start.context.assets_def
        self._start.reported.take(
            messages.results,
            messages.custom_messages,
            assets=assets.keys,
            checks={spec.key for spec in assets.check_specs},
            warn=self._start.context.log.warning,
        )

    async def _clean_up(self, place: Place, name: str, messages: Messages) -> None:
        if messages.lost or self._unread:
            self._start.log(
                logging.WARNING,
                f"asset {self._start.asset}: not all messages of the notebook arrived; they are kept in "
                f"{place.files.address(name)}",
            )
        elif not self._pipes.keep:
            await self._in_background(partial(self._remove, place, name))

    async def _remove(self, place: Place, name: str, tell: Tell) -> None:
        try:
            await place.files.remove(name, folder=self._pipes.chunks)
        except FilesError as error:
            tell(f"the notebook's messages are left behind: {error}", logging.DEBUG)

    async def _in_background(
        self, work: Callable[[Tell], Coroutine[Any, Any, T]], log: Callable[[int, str], None] | None = None
    ) -> T:
        return await background_loop.submit(work).wait_in_loop(log or self._start.log, self._cancel_seconds)


def _is_passing(error: Exception) -> bool:
    return isinstance(error, FilesError) and error.passing


def _new_name(asset: str) -> str:
    readable = re.sub(r"[^A-Za-z0-9]+", "_", asset)[:_LONGEST_NAME]
    return f"{readable}.{uuid.uuid4().hex}"


def _advice(address: str) -> str:
    return (
        f"The notebook should write its messages to {address}. Check that its parameters cell has "
        f'`{PARAMETER} = "{{}}"`, that it opens dagster-pipes with that parameter, and that this lakehouse is its '
        "default lakehouse."
    )
