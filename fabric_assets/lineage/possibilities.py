"""The several values that a name may have, and the branches in which each holds."""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.values import (
    NO_GUARD,
    Const,
    DeltaTableValue,
    Guard,
    Lib,
    OneOf,
    Reader,
    Text,
    Unknown,
    is_empty_parameter,
)
from fabric_assets.lineage.work import spend

MAX_OPTIONS = 64
"""So many possible values are followed; with more the value counts as unknown."""


def options_of(value: Any) -> tuple[tuple[Guard, Any], ...]:
    """The possible values, each with its guard."""
    return value.options if isinstance(value, OneOf) else ((NO_GUARD, value),)


def compatible(left: Guard, right: Iterable[tuple[int, int]]) -> bool:
    """Whether two guards can hold together."""
    if not left:
        return True
    taken = dict(left)
    return all(taken.get(branching, branch) == branch for branching, branch in right)


def one_of(options: Sequence[tuple[Guard, Any]]) -> Any:
    """The value that is one of the options: equal ones are merged, nested ones are flattened."""
    flat: list[tuple[Guard, Any]] = []
    for guard, value in options:
        for inner, option in options_of(value):
            if compatible(guard, inner):
                flat.append((guard | inner, option))
    merged: list[tuple[Guard, Any]] = []
    for guard, value in flat:
        spend(len(merged) >> 3)
        for position, (other_guard, other) in enumerate(merged):
            if same(other, value):
                merged[position] = (guard & other_guard, other)
                break
        else:
            merged.append((guard, value))
        if len(merged) > MAX_OPTIONS:
            frames = [v for _, v in flat if isinstance(v, Frame)]
            if len(frames) == len(flat):
                return Frame.union(frames)
            return Unknown(f"a value with more than {MAX_OPTIONS} possibilities")
    if not merged:
        return Unknown()
    return merged[0][1] if len(merged) == 1 else OneOf(tuple(merged))


def same(left: Any, right: Any) -> bool:
    """Whether two values are equal as far as is known."""
    if left is right:
        return True
    if type(left) is not type(right):
        return False
    if isinstance(left, Const):
        return bool(
            type(left.value) is type(right.value)
            and left.value == right.value
            and left.overridable == right.overridable
        )
    if isinstance(left, Unknown | Text | Lib | Reader | DeltaTableValue | Frame):
        return bool(left == right)
    return False


def map_options(function: Callable[..., Any], values: Sequence[Any], path: dict[int, int]) -> Any:
    """Apply a function to each combination of possible values that can hold together.

    Args:
        function: takes one value for each of ``values``.
        values: the values.
        path: the branches that are being followed.
    """
    if not any(isinstance(value, OneOf) for value in values):
        return function(*values)
    results: list[tuple[Guard, Any]] = []
    active = path.items()
    for count, combination in enumerate(product(*(options_of(value) for value in values))):
        if count % 4 == 0:
            spend(1)
        if count >= 16 * MAX_OPTIONS or len(results) > MAX_OPTIONS:
            return Unknown(f"a value with more than {MAX_OPTIONS} possibilities")
        guard: Guard = NO_GUARD
        for part, _ in combination:
            if not compatible(guard, part):
                break
            guard |= part
        else:
            if compatible(guard, active):
                spend(2)
                results.append((guard, function(*(value for _, value in combination))))
    return one_of(results)


def without_empty(value: Any) -> Any:
    """The value without the possibility that it is a parameter with no value, where code has looked for that."""
    if not isinstance(value, OneOf):
        return value
    rest = [(guard, v) for guard, v in value.options if not (isinstance(v, Const) and is_empty_parameter(v))]
    return one_of(rest) if rest else value
