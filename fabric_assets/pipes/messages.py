"""Handles a notebook's messages in the step: log lines at once, results when the job instance has ended."""

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import dagster as dg

from fabric_assets.pipes.notes import Note, PipesNotes
from fabric_assets.pipes.reader import LONGEST_LINE

_SHOWN = 1000
_LONGEST_CUSTOM_MESSAGE = 10_000


class MessageReader(dg.PipesMessageReader):
    """What Dagster wants to know of a reader of messages; the reading is done in the background loop.

    Args:
        path: the file or folder, as the notebook sees it.
        advice: what to look at if no message comes.
    """

    def __init__(self, path: str, advice: str) -> None:
        self._path = path
        self._advice = advice
        self.handler: dg.PipesMessageHandler | None = None

    @contextmanager
    def read_messages(self, handler: dg.PipesMessageHandler) -> Iterator[dict[str, Any]]:
        """Keep the handler, and tell the notebook where to write."""
        self.handler = handler
        yield {"path": self._path}

    def no_messages_debug_text(self) -> str:
        """What to look at if no message comes."""
        return self._advice


class Messages:
    """Handles the messages of one job instance, in their order.

    Args:
        context: the step's context.
        reader: has the handler of the first session.
        notes: where it is noted how many messages have been told.
        note: what is noted so far.
        told_before: how many messages the run's log has from an earlier process; they are not told again.
    """

    def __init__(
        self,
        context: dg.OpExecutionContext,
        reader: MessageReader,
        notes: PipesNotes,
        note: Note,
        told_before: int,
    ) -> None:
        assert reader.handler is not None  # noqa: S101 -- the session is open
        self._context = context
        self._reader = reader
        self._handler = reader.handler
        self._opened = False
        self._notes = notes
        self._note = note
        self._told_before = told_before
        self.handled = 0
        """How many messages have been handled."""
        self.lost = False
        """Whether a message could not be handled, so that the file is worth keeping."""

    @property
    def results(self) -> Sequence[dg.PipesExecutionResult]:
        """What was reported."""
        return self._handler.get_reported_results()

    @property
    def custom_messages(self) -> Sequence[Any]:
        """Payloads of custom messages."""
        return self._handler.get_custom_messages()

    def take(self, lines: str) -> None:
        """Handle messages, one a line. Raises nothing: the job instance goes on, whatever its notebook says."""
        number = self.handled
        for line in lines.split("\n"):
            number += 1
            try:
                self._handle(line, number)
            except Exception as error:  # noqa: BLE001 -- whatever a notebook can make Dagster raise
                self._warn(f"is not understood ({type(error).__name__}: {error})", line, number)
        if number > self._told_before:
            self._note = replace(self._note, told=number)
            try:
                self._notes.write(self._note)
            except Exception as error:  # noqa: BLE001 -- whatever the storage raises
                self._context.log.debug(f"could not note how many messages have been told: {error}")
        self.handled = number

    def _handle(self, line: str, number: int) -> None:
        if len(line) > LONGEST_LINE:
            self._warn(f"is longer than {LONGEST_LINE} characters and is not taken", line, number)
            return
        message = json.loads(line)
        method, params = message["method"], message.get("params") or {}
        tell = number > self._told_before
        match method:
            case "opened":
                if self._opened:
                    # Another job instance took the place of the first, so what that one reported counts no more.
                    self._handler = dg.PipesMessageHandler(self._context, self._reader)
                self._opened = True
                self._handler.handle_message(message)
            case "log" | "closed" if not tell:
                if method == "closed":
                    message["params"] = {}
                    self._handler.handle_message(message)
            case "log":
                if str(params.get("level", "")).upper() not in logging.getLevelNamesMapping():
                    params["level"] = "info"  # a level of the notebook's own
                self._handler.handle_message(message)
            case "log_external_stream":
                if tell and params["text"].strip():
                    self._context.log.info(f"{params['stream']}: {params['text'].rstrip()}")
            case "report_custom_message":
                self._handler.handle_message(message)
                if tell:
                    text = json.dumps(params["payload"])[:_LONGEST_CUSTOM_MESSAGE]
                    self._context.log.info(f"the notebook's custom message: {text}")
            case _:
                self._handler.handle_message(message)

    def _warn(self, what: str, line: str, number: int) -> None:
        self.lost = True
        if number > self._told_before:
            shown = line if len(line) <= _SHOWN else f"{line[:_SHOWN]}... ({len(line)} characters)"
            self._context.log.warning(f"message {number} of the notebook {what}: {shown}")


def delivery(
    messages: Messages, log: Callable[[int, str], None], level_of_messages: int
) -> Callable[[int, str], None]:
    """A log that takes lines, and gives those of one level to the handler of messages."""

    def deliver(level: int, text: str) -> None:
        if level == level_of_messages:
            messages.take(text)
        else:
            log(level, text)

    return deliver
