"""Counts the work of following one notebook, so that none takes longer than a few seconds.

A step is a few microseconds of work. Each expression and statement is one, and what takes longer because a value is
large counts for more: see ``spend`` and ``weight_of``.
"""

from contextvars import ContextVar
from typing import Any, Protocol

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.values import Const, Items, Mapping, OneOf, Text


class Meter(Protocol):
    """Counts the steps of one notebook."""

    def step(self, count: int = 1) -> None:
        """Count work; raises an exception if it was too much."""


_METER: ContextVar[Meter | None] = ContextVar("meter", default=None)


def use_meter(meter: Meter) -> None:
    """The work from now on is that of this meter."""
    _METER.set(meter)


def spend(steps: int) -> None:
    """Count work of the notebook that is being followed.

    Raises:
        BudgetExceededError: it was too much.
    """
    meter = _METER.get()
    if meter is not None and steps > 0:
        meter.step(steps)


def weight_of(value: Any) -> int:
    """How many steps it takes to handle a value once, without what is within its parts."""
    if isinstance(value, Const):
        return len(value.value) >> 8 if isinstance(value.value, str | bytes) else 0
    if isinstance(value, Items):
        return len(value.items) >> 8
    if isinstance(value, Mapping):
        return len(value.entries) >> 8
    if isinstance(value, Text):
        return len(value.parts) >> 3
    if isinstance(value, OneOf):
        return len(value.options)
    if isinstance(value, Frame):
        return (len(value.columns) + len(value.tables)) >> 5
    return 0
