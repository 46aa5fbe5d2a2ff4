"""Sends cells to a kernel and collects their outputs, up to a limit."""

import re
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from nbformat.v4 import new_output

from fabric_assets.local.engine.executed_notebook import cell_label

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_OWN_FRAME = re.compile(r"(?:Cell In\[\d+\]|File <([^>]+)>)")
_FRAME_ARROW = re.compile(r"^-+> (\d+) (.*)$", re.MULTILINE)
_MAX_FRAMES = 8
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
        is_stream = msg["msg_type"] == "stream" and not self.clear_before_next_output
        if is_stream and outs and outs[-1].get("name") == msg["content"]["name"]:
            outs[-1]["text"] += msg["content"]["text"]
            return outs[-1]
        return super().output(outs, msg, display_id, cell_index)


def failure_message(cell: NotebookNode, error: CellExecutionError) -> str:
    """What happened in which cell, and the lines of the notebook that led there, as plain text."""
    value = plain(str(error.evalue)).strip()
    head = (
        f"{cell_label(cell)} failed: {error.ename}: {value}"
        if value
        else f"{cell_label(cell)} failed: {error.ename}"
    )
    outputs = [output for output in cell.outputs if output.output_type == "error"]
    blocks = [plain(block) for block in outputs[-1].traceback] if outputs else []
    causes = [index for index, block in enumerate(blocks) if block.startswith("\n")]
    blocks = blocks[causes[-1] + 1 :] if causes else blocks
    frames = [frame for frame in map(_frame_line, blocks) if frame]
    if not frames and len(blocks) == 1:
        frames = blocks[0].rstrip().splitlines()
    return _cut(
        "\n".join([_cut(head, _MAX_MESSAGE // 2), *(_cut(line, 300) for line in frames[-_MAX_FRAMES:])])
    )


def _frame_line(block: str) -> str:
    """A frame of the notebook's own code as one line; empty for a frame of a library."""
    own = _OWN_FRAME.match(block)
    line = _FRAME_ARROW.search(block)
    if own is None or line is None:
        return ""
    where = f"notebook {own[1]}, " if own[1] else ""
    return f"  {where}line {line[1]}: {line[2].strip()}"


def tidy(notebook: NotebookNode) -> None:
    """Make the executed document readable.

    Lines that were overwritten in place (progress bars) show what stood there last; executed cells bear the numbers
    by which messages call them.
    """
    for cell in notebook.cells:
        if cell.get("execution_count") is not None:
            cell.execution_count = cell.metadata.get("cell_number")
        for output in cell.get("outputs", []):
            if output.output_type == "stream" and "\r" in output.text:
                lines = output.text.replace("\r\n", "\n").split("\n")
                output.text = "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in lines)


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
