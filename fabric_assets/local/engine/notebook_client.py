"""Sends cells to a kernel and collects their outputs, up to a limit."""

import re
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from fabric_assets.local.engine.executed_notebook import cell_label

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_LAST_LINES = 12
_MAX_MESSAGE = 4000


class LimitedNotebookClient(NotebookClient):
    """A client that keeps no more output of a cell than a limit, whatever the kernel sends.

    The kernel cuts what a cell prints; this also holds for what it displays.
    """

    output_limit = 2 * 1024 * 1024

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._sizes: dict[int, int] = {}

    def close(self) -> None:
        """Close the connection to the kernel. Idempotent."""
        if self.kc is not None:
            self.kc.stop_channels()
            self.kc = None

    def output(
        self, outs: list[NotebookNode], msg: dict[str, Any], display_id: str | None, cell_index: int
    ) -> Any:
        """Keep an output, if the cell has not had too many."""
        size = self._sizes.get(cell_index, 0)
        if size > self.output_limit:
            return None
        self._sizes[cell_index] = size + _size_of(msg["content"])
        if self._sizes[cell_index] > self.output_limit:
            note = f"... the output was cut: more than {self.output_limit:,} characters of one cell are not kept\n"
            outs.append(new_output("stream", name="stderr", text=note))  # type: ignore[no-untyped-call]
            return None
        return super().output(outs, msg, display_id, cell_index)


def failure_message(cell: NotebookNode, error: CellExecutionError) -> str:
    """What happened in which cell, and the last lines of the traceback, as plain text."""
    value = plain(str(error.evalue)).strip()
    head = (
        f"{cell_label(cell)} failed: {error.ename}: {value}"
        if value
        else f"{cell_label(cell)} failed: {error.ename}"
    )
    lines = [line.rstrip() for line in plain(str(error.traceback)).splitlines() if line.strip()]
    text = "\n".join([_cut(head), *(_cut(line, 300) for line in lines[-_LAST_LINES:])])
    return _cut(text)


def plain(text: str) -> str:
    """The text without the codes that colour it in a terminal."""
    return _ANSI.sub("", text)


def _cut(text: str, limit: int = _MAX_MESSAGE) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _size_of(value: Any) -> int:
    if isinstance(value, str | bytes):
        return len(value)
    if isinstance(value, dict):
        return sum(_size_of(each) for each in value.values())
    if isinstance(value, list):
        return sum(_size_of(each) for each in value)
    return 8
