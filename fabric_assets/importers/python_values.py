"""What an expression of a notebook can be worth without running it."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_MAX_PARTS = 100_000


@dataclass(frozen=True)
class Undecided:
    """A value that the source alone does not tell.

    Attributes:
        reason: why, for a person.
        where: the place where it was lost.
    """

    reason: str
    where: str


@dataclass(frozen=True)
class Maybe:
    """An element of a list that is there only under a condition that the source alone does not tell."""

    value: Any
    reason: str


@dataclass(frozen=True)
class ExitValue:
    """What a call of a notebook returned.

    Attributes:
        call: number of the call.
        activity: the activity, if the call was a ``runMultiple``.
    """

    call: int
    activity: str | None = None


@dataclass(frozen=True)
class Results:
    """What a ``runMultiple`` returned; with an ``activity``, its part of that."""

    call: int
    activity: str | None = None


@dataclass(frozen=True)
class Reference:
    """Something of a module, by its full name, such as ``json.loads``."""

    name: str

    @property
    def notebook_function(self) -> str | None:
        """``run`` or ``runMultiple`` ... if this is a function of ``notebookutils.notebook``."""
        parts = self.name.split(".")
        if len(parts) >= 3 and parts[0] in ("notebookutils", "mssparkutils") and parts[-2] == "notebook":
            return parts[-1]
        return None


@dataclass(frozen=True, eq=False)
class Function:
    """A function or lambda of the notebook, with the variables around it."""

    node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
    closure: "Scope"
    defaults: dict[str, Any]


@dataclass(eq=False)
class Pool:
    """A thread pool: what it is given runs side by side."""

    frontier: list[int]
    calls: list[int] = field(default_factory=list)
    max_workers: int | None = None


@dataclass(eq=False)
class Scope:
    """Variables of a function or of the notebook."""

    names: dict[str, Any] = field(default_factory=dict)
    outer: "Scope | None" = None

    def find(self, name: str) -> "Scope | None":
        """The scope that holds the name."""
        scope: Scope | None = self
        while scope is not None and name not in scope.names:
            scope = scope.outer
        return scope


def copied(value: Any, memo: dict[int, Any]) -> Any:
    """A deep copy in which what was one object stays one; ``memo`` maps the ids that were seen."""
    if not isinstance(value, list | dict | set | tuple):
        return value
    if id(value) in memo:
        return memo[id(value)]
    if isinstance(value, list):
        new: list[Any] = []
        memo[id(value)] = new
        new.extend(copied(entry, memo) for entry in value)
        return new
    if isinstance(value, dict):
        memo[id(value)] = table = {}
        table.update({key: copied(entry, memo) for key, entry in value.items()})
        return table
    flat = set(value) if isinstance(value, set) else tuple(copied(entry, memo) for entry in value)
    memo[id(value)] = flat
    return flat


def merged(one: Any, other: Any, gap: Undecided, memo: dict[tuple[int, int], Any]) -> Any:
    """What is known when either of two values can be it: equal parts stay, others become ``gap``."""
    key = (id(one), id(other))
    if key in memo:
        return memo[key]
    if isinstance(one, list) and isinstance(other, list):
        long, brief = (one, other) if len(one) >= len(other) else (other, one)
        memo[key] = result = []
        for index, entry in enumerate(long):
            if index < len(brief):
                result.append(merged(entry, brief[index], gap, memo))
            elif isinstance(entry, Maybe | Undecided):
                result.append(entry)
            else:
                result.append(Maybe(entry, gap.reason))
        return result
    if isinstance(one, dict) and isinstance(other, dict):
        memo[key] = table = {}
        for name in [*one, *(name for name in other if name not in one)]:
            both = name in one and name in other
            table[name] = merged(one[name], other[name], gap, memo) if both else gap
        return table
    if type(one) is type(other) and (one is other or (not isinstance(one, Function) and one == other)):
        return one
    return gap


def gap_in(value: Any, where: str) -> Undecided | None:
    """Why a value cannot be turned into text or compared; ``None`` if all of it is known, and not too large."""
    return measured(value, where)[0]


def measured(value: Any, where: str) -> tuple[Undecided | None, int]:
    """The gap in a value, as ``gap_in``, and how many parts were looked at."""
    todo, seen = [value], 0
    while todo:
        part = todo.pop()
        seen += 1
        gap = _own_gap(part, where)
        if gap is None and seen > _MAX_PARTS:
            gap = Undecided("it is too large to be worked out", where)
        if gap is not None:
            return gap, seen
        if isinstance(part, dict):
            todo += [*part.values(), *part.keys()]
        elif isinstance(part, list | tuple | set):
            todo += part
    return None, seen


def _own_gap(value: Any, where: str) -> Undecided | None:
    if isinstance(value, Undecided):
        return value
    if isinstance(value, Maybe):
        return Undecided(value.reason, where)
    if isinstance(value, ExitValue | Results):
        return Undecided("it is made of what a notebook returns", where)
    if isinstance(value, Reference):
        return Undecided(f"{value.name} is not in the notebook", where)
    if isinstance(value, Function | Pool):
        return Undecided("it is a function", where)
    return None


def truth(value: Any, where: str) -> bool | Undecided:
    """Whether the value counts as true."""
    if isinstance(value, list) and value and all(isinstance(entry, Undecided | Maybe) for entry in value):
        return gap_in(value, where) or False
    if isinstance(value, list | dict | set | tuple):
        return bool(value)
    gap = gap_in(value, where)
    return bool(value) if gap is None else gap


def bind(
    function: Function, names: dict[str, Any], args: Sequence[Any], options: dict[str, Any]
) -> str | None:
    """Set the parameters of a call; says what is wrong with it, ``None`` if nothing is.

    Args:
        function: what is called.
        names: where the values go.
        args: the positional arguments.
        options: the others.
    """
    arguments = function.node.args
    positional = [parameter.arg for parameter in (*arguments.posonlyargs, *arguments.args)]
    names.update(function.defaults)
    names.update(zip(positional, args, strict=False))
    if arguments.vararg is not None:
        names[arguments.vararg.arg] = tuple(args[len(positional) :])
    elif len(args) > len(positional):
        return "the function is called with too many arguments"
    known = {*positional, *(parameter.arg for parameter in arguments.kwonlyargs)}
    names.update({name: value for name, value in options.items() if name in known})
    rest = {name: value for name, value in options.items() if name not in known}
    if arguments.kwarg is not None:
        names[arguments.kwarg.arg] = rest
    elif rest:
        return f"the function has no parameter {next(iter(rest))}"
    missing = known - names.keys()
    return f"the function is called without {min(missing)}" if missing else None
