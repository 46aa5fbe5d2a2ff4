"""Cuts what a cell prints, in the kernel, before it costs anybody else memory."""

import sys
from collections.abc import Callable
from typing import Any


def limit_output(shell: Any, characters: int) -> None:
    """Let each cell print this many characters to stdout and stderr together."""
    budget = _Budget(characters)
    for stream in (sys.stdout, sys.stderr):
        setattr(stream, "write", budget.limited(stream.write))  # noqa: B010 - mypy refuses the plain assignment
    shell.events.register("pre_run_cell", lambda _: budget.reset())


class _Budget:
    def __init__(self, characters: int) -> None:
        self._characters = characters
        self._left = characters

    def reset(self) -> None:
        self._left = self._characters

    def limited(self, write: Callable[[str], int]) -> Callable[[str], int]:
        def limited_write(text: str) -> int:
            if not isinstance(text, str) or len(text) <= self._left:
                written = write(text)
                self._left -= len(text)
                return written
            if self._left >= 0:
                kept, self._left = self._left, -1
                write(text[:kept])
                write(f"\n... the rest was cut: a cell may print {self._characters:,} characters\n")
            return len(text)

        return limited_write
