"""A notebook's messages as one stream of bytes, in the two forms in which dagster-pipes writes them to files."""

import json
from typing import Protocol

from fabric_assets.pipes.files import LONGEST_READ, Files


class Stream(Protocol):
    """What a notebook writes, from its begin on."""

    async def more(self, *, last: bool) -> bytes:
        """What has come since; nothing if nothing has.

        Args:
            last: whether the notebook has ended, so that what is there is all there will be.

        Raises:
            FilesError: it cannot be read now.
        """
        ...


class FileStream:
    """One file that grows by a line a message. See ``Stream``."""

    def __init__(self, files: Files, name: str) -> None:
        self._files = files
        self._name = name
        self._offset = 0

    async def more(self, *, last: bool) -> bytes:
        """See ``Stream``."""
        data = await self._files.read(self._name, self._offset)
        self._offset += len(data)
        return data


class ChunkStream:
    """A folder of files ``1.json``, ``2.json``, ..., each with some messages and written once. See ``Stream``.

    A job instance that takes the place of one that failed begins again with ``1.json``.
    """

    def __init__(self, files: Files, name: str) -> None:
        self._files = files
        self._name = name
        self._number = 1
        self._first = b""

    async def more(self, *, last: bool) -> bytes:
        """See ``Stream``."""
        data = await self._chunk(self._number)
        if not data and last and self._number > 1 and await self._chunk(1) != self._first:
            self._number = 1
            data = await self._chunk(1)
        # A file shows up before it is whole: its last line then ends somewhere.
        if not data or not (last or _is_json(data.splitlines()[-1])):
            return b""
        if self._number == 1:
            self._first = data
        self._number += 1
        return data.rstrip(b"\n") + b"\n"

    async def _chunk(self, number: int) -> bytes:
        name = f"{self._name}/{number}.json"
        data = b""
        while part := await self._files.read(name, len(data)):
            data += part
            if len(part) < LONGEST_READ:
                break
        return data


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
