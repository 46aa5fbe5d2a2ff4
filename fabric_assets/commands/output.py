"""What commands print, and how they fail."""

import sys


class UsageError(Exception):
    """The arguments name something that is not there or not usable."""


class CommandError(Exception):
    """The command could not do what it was asked for."""


def say(text: str) -> None:
    """Print a line of the command's result."""
    print(text)  # noqa: T201 -- the command's output


def note(text: str) -> None:
    """Print a line that is no part of the result."""
    print(text, file=sys.stderr)  # noqa: T201 -- the command's output
