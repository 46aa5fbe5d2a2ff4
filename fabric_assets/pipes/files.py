"""The folder that holds messages: what reading them needs of it, and how a folder of this machine does it."""

import asyncio
import shutil
from pathlib import Path
from typing import Protocol

LONGEST_READ = 4 * 1024 * 1024
"""Bytes that one read returns at most."""


class FilesError(Exception):
    """Messages cannot be read now, or their folder cannot be used.

    Attributes:
        passing: whether the next read may succeed without anybody changing anything.
        retry_after_seconds: what the service asked to wait, if it did.
    """

    def __init__(
        self, message: str, *, passing: bool = False, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(message)
        self.passing = passing
        self.retry_after_seconds = retry_after_seconds


class Files(Protocol):
    """A folder of a lakehouse. Names are paths below it, with ``/``."""

    def address(self, name: str) -> str:
        """Where a person finds it."""
        ...

    async def make_folder(self, name: str) -> None:
        """Create a folder and those above it, unless it exists; ``""`` is the folder itself.

        Raises:
            FilesError: it cannot be created.
        """
        ...

    async def read(self, name: str, offset: int) -> bytes:
        """What the file holds from there, at most ``LONGEST_READ`` bytes; nothing if it does not exist.

        Raises:
            FilesError: it cannot be read.
        """
        ...

    async def remove(self, name: str, *, folder: bool) -> None:
        """Remove a file, or a folder with all that is in it, if it exists.

        Args:
            name: what to remove.
            folder: whether it is one.

        Raises:
            FilesError: it cannot be removed.
        """
        ...


class LocalFiles:
    """A folder of this machine. See ``Files``."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def address(self, name: str) -> str:
        """See ``Files``."""
        return str(self._folder / name)

    async def make_folder(self, name: str) -> None:
        """See ``Files``."""
        try:
            await asyncio.to_thread((self._folder / name).mkdir, parents=True, exist_ok=True)
        except OSError as error:
            raise FilesError(f"the folder {self._folder / name} cannot be created: {error}") from error

    async def read(self, name: str, offset: int) -> bytes:
        """See ``Files``."""
        try:
            return await asyncio.to_thread(self._read, name, offset)
        except FileNotFoundError:
            return b""
        except OSError as error:
            raise FilesError(f"{self._folder / name} cannot be read: {error}") from error

    def _read(self, name: str, offset: int) -> bytes:
        with (self._folder / name).open("rb") as file:
            file.seek(offset)
            return file.read(LONGEST_READ)

    async def remove(self, name: str, *, folder: bool) -> None:
        """See ``Files``."""
        path = self._folder / name
        try:
            await asyncio.to_thread(shutil.rmtree if folder else Path.unlink, path)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise FilesError(f"{path} cannot be removed: {error}") from error
