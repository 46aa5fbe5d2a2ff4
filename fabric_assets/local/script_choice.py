"""Which entry of a script meets which start."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Generic, Protocol, TypeVar

from fabric_assets.local.script_services import Seconds


class _Counted(Protocol):
    @property
    def nth(self) -> int | None: ...


_Entry = TypeVar("_Entry", bound=_Counted)


class Choices(Generic[_Entry]):
    """Counts starts, and finds the script's first entry that fits each.

    Args:
        entries: tried in this order.
        otherwise: used when none fits.
        seed: for durations that are given as a range.
    """

    def __init__(self, entries: Sequence[_Entry], otherwise: _Entry, seed: int) -> None:
        self._entries = entries
        self.otherwise = otherwise
        self._seed = seed
        self._starts: Counter[str] = Counter()

    def next(self, key: str, fits: Callable[[_Entry], bool]) -> tuple[_Entry, Callable[[Seconds], float]]:
        """The entry for the next start of ``key``, and a function that draws its durations.

        Args:
            key: what is started; starts are counted for each key.
            fits: whether an entry is for this key.
        """
        self._starts[key] += 1
        nth = self._starts[key]
        entry = next(
            (entry for entry in self._entries if entry.nth in (None, nth) and fits(entry)), self.otherwise
        )
        # Drawn from the key and the number of the start, so that the order of other starts changes nothing.
        draw = random.Random(f"{self._seed}/{key}/{nth}")  # noqa: S311
        return entry, lambda value: value if isinstance(value, int | float) else draw.uniform(*value)


def name_fits(name: str, pattern: str) -> bool:
    """Whether a name fits a pattern (``*``, ``?``), without case."""
    return fnmatchcase(name.casefold(), pattern.casefold())
