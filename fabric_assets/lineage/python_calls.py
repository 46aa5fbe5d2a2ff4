"""Builtins, collections and the standard library, as far as tables' names are built with them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.assignments import set_attribute
from fabric_assets.lineage.classes import as_dictionary, member, printed
from fabric_assets.lineage.collection_calls import as_set, entries_of, in_order
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.inheritance import method_order
from fabric_assets.lineage.plain import from_python, put, text_of, to_python
from fabric_assets.lineage.possibilities import map_options, one_of, options_of
from fabric_assets.lineage.strings import may_be
from fabric_assets.lineage.values import (
    Bound,
    ClassValue,
    Const,
    Function,
    Instance,
    Items,
    Lib,
    Mapping,
    Never,
    Partial,
    Text,
    Unknown,
)
from fabric_assets.lineage.work import spend

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_PLAIN_TYPES: dict[str, type] = {
    "str": str, "int": int, "float": float, "bool": bool, "list": list, "tuple": tuple, "set": set, "dict": dict,
}  # fmt: skip
_PURE = {
    "int": int, "float": float, "bool": bool, "len": len, "abs": abs, "round": round, "ord": ord, "chr": chr,
    "max": max, "min": min, "sum": sum, "sorted": sorted, "repr": repr, "divmod": divmod, "any": any, "all": all,
}  # fmt: skip
_MAX_RANGE = 400
_COPIES = {"list", "tuple", "set", "frozenset", "reversed", "iter"}


def call_builtin(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a call of a builtin."""
    first = arguments[0] if arguments else None
    if name == "str":
        if not arguments:
            return Const("")
        return map_options(text_of, [printed(interpreter, first)], interpreter.session.branches)
    if name == "repr" and isinstance(first, Instance):
        return printed(interpreter, first, as_source=True)
    if name == "object.__new__" and len(arguments) == 4 and interpreter.made_class is not None:
        return interpreter.made_class  # in a metaclass
    if name == "object.__new__" and isinstance(first, ClassValue):
        return Instance({}, first)
    if name == "type" and len(arguments) == 1:
        return map_options(_class_of, [first], interpreter.session.branches)
    if name == "isinstance" and len(arguments) == 2:
        return _is_instance(first, arguments[1], interpreter.guesses)
    if name in ("sorted", "max", "min") and len(arguments) == 1 and isinstance(first, Items | Mapping):
        return _ordered(interpreter, name, first, keywords)
    if name in _COPIES and len(arguments) == 1:
        return copied(interpreter, name, first)
    if name in ("list", "dict", "set", "tuple") and not arguments:
        return Mapping(dict(keywords)) if name == "dict" else Items([], kind=name)
    if name == "dict.fromkeys" and arguments:
        keys, complete = interpreter.iterate(first)
        value = arguments[1] if len(arguments) > 1 else Const(None)
        made = Mapping({}, complete)
        for key in keys:
            put(made, key, value)
        return made
    if name.startswith("str.") and arguments:
        return interpreter.invoke(Bound(first, name.removeprefix("str.")), arguments[1:], keywords)
    if name == "dict":
        return dictionary(interpreter, first, keywords)
    if name in ("enumerate", "zip", "map", "filter"):
        return _combined(interpreter, name, arguments, keywords)
    if name == "range":
        return _range(arguments, max(interpreter.max_items, _MAX_RANGE))
    if name == "getattr" and len(arguments) >= 2:
        return map_options(
            lambda owner, named: _attribute(interpreter, owner, named, arguments[2:]),
            arguments[:2],
            interpreter.session.branches,
        )
    if name in ("setattr", "object.__setattr__") and len(arguments) == 3 and isinstance(arguments[1], Const):
        for _, option in options_of(first):
            set_attribute(interpreter, option, str(arguments[1].value), arguments[2])
        return Const(None)
    if name in ("next",) and arguments:
        items, complete = interpreter.iterate(first)
        return items[0] if items and complete else Unknown()
    if name == "vars" and isinstance(first, ClassValue):
        return Mapping(dict(first.attributes))
    if name == "dir" and isinstance(first, Instance | ClassValue):
        return _names_of(first)
    if name == "vars" and isinstance(first, Instance):
        return as_dictionary(first)
    if name in ("globals", "locals", "vars"):
        scope = interpreter.scope.root() if name == "globals" else interpreter.scope
        return Mapping(dict(scope.names), complete=False)
    if name in ("exec", "eval"):
        interpreter.session.gap(f"{name}() runs text; what it reads and writes is not followed")
        return Unknown()
    if name in ("exit", "quit"):
        return Never()
    if name == "len" and isinstance(first, Instance):
        own = interpreter.special(first, "__len__")
        return Unknown() if own is None else own
    if name in _PURE:
        return _pure(name, arguments, keywords)
    _run_callbacks(interpreter, arguments, keywords)
    return Unknown()


def _names_of(owner: Instance | ClassValue) -> Items:
    cls = owner.cls if isinstance(owner, Instance) else owner
    names = set(owner.attributes)
    for base in method_order(cls) if cls is not None else ():
        names.update(base.attributes)
    return Items([Const(name) for name in sorted(names)])


def _attribute(interpreter: "Interpreter", owner: Any, named: Any, defaults: list[Any]) -> Any:
    if isinstance(named, Text) and isinstance(owner, Instance | ClassValue):
        cls = owner.cls if isinstance(owner, Instance) else owner
        known = {name for base in method_order(cls) for name in base.attributes} if cls is not None else set()
        options = [member(interpreter, owner, name) for name in sorted(known) if may_be(named, name)]
        return one_of([(frozenset(), value) for value in options]) if options else Unknown()
    if not isinstance(named, Const):
        return Unknown()
    name = str(named.value)
    if not isinstance(owner, Instance | ClassValue):
        return Lib(f"{owner.name}.{name}") if isinstance(owner, Lib) else Bound(owner, name)
    found = member(interpreter, owner, name)
    if found is None:
        return defaults[0] if defaults else Bound(owner, name)
    return found


def _class_of(value: Any) -> Any:
    return value.cls if isinstance(value, Instance) and value.cls is not None else Unknown()


def _pure(name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "len" and arguments and isinstance(arguments[0], Items | Mapping):
        owner = arguments[0]
        size = len(owner.items) if isinstance(owner, Items) else len(owner.entries)
        return Const(size) if owner.complete else Unknown()
    try:
        plain = [to_python(argument) for argument in arguments]
        named = {key: to_python(value) for key, value in keywords.items()}
        overridable = any(getattr(argument, "overridable", False) for argument in arguments)
        return from_python(_PURE[name](*plain, **named), overridable)  # type: ignore[operator]
    except (ValueError, TypeError, OverflowError, RecursionError):
        return Unknown()


def _ordered(interpreter: "Interpreter", name: str, value: Items | Mapping, keywords: dict[str, Any]) -> Any:
    """``sorted``, or the first of that order: ``max`` and ``min``."""
    items, complete = interpreter.iterate(value)
    if name == "sorted":
        ordered = in_order(interpreter, items, keywords)
        if ordered is None and not interpreter.guesses:
            return Unknown()
        return Items(items if ordered is None else ordered, complete)
    ordered = in_order(interpreter, items, {**keywords, "reverse": Const(name == "max")})
    if not complete or ordered is None:
        return Unknown()
    return ordered[0] if ordered else keywords.get("default", Unknown())


def _is_instance(value: Any, kinds: Any, guesses: bool) -> Any:
    results = set()
    for _, option in options_of(value):
        known = _plain_instance(option, kinds)
        results.add(_instance_of(option, kinds) if known is None and guesses else known)
    return Const(results.pop()) if len(results) == 1 and None not in results else Unknown()


def _plain_instance(value: Any, kinds: Any) -> bool | None:
    """Whether a value of Python is of a type of Python, ``None`` for all others."""
    names = [kind.name if isinstance(kind, Lib) else "" for kind in _kinds(kinds)]
    types = [_PLAIN_TYPES.get(name.removeprefix("builtins.")) for name in names]
    if None in types or not isinstance(value, Const | Items | Mapping):
        return None
    own = (
        type(value.value)
        if isinstance(value, Const)
        else dict
        if isinstance(value, Mapping)
        else _PLAIN_TYPES[value.kind]
    )
    return issubclass(own, tuple(kind for kind in types if kind is not None))


def _kinds(kinds: Any) -> list[Any]:
    return kinds.items if isinstance(kinds, Items) else [kinds]


def _instance_of(value: Any, kinds: Any) -> bool | None:
    names = {kind.name.rpartition(".")[2] for kind in _kinds(kinds) if isinstance(kind, Lib)}
    own = [kind for kind in _kinds(kinds) if isinstance(kind, ClassValue)]
    if isinstance(value, Text):
        return "str" in names
    if isinstance(value, Const):
        return type(value.value).__name__ in names or ("int" in names and isinstance(value.value, bool))
    if isinstance(value, Items):
        return (
            bool(names & {"list", "tuple", "set", "Sequence", "Iterable", "Collection"}) if names else False
        )
    if isinstance(value, Mapping):
        return bool(names & {"dict", "Mapping", "MutableMapping"})
    if isinstance(value, Frame):
        return bool(names & {"DataFrame", "LazyFrame", "Table"})
    if isinstance(value, Instance) and value.cls is not None:
        if any(cls in own for cls in method_order(value.cls)):
            return True
        return False if own and not names else None
    return None


def copied(interpreter: "Interpreter", name: str, value: Any) -> Any:
    """The items of a value as a new collection."""
    frame = next((option for _, option in options_of(value) if isinstance(option, Frame)), None)
    if frame is not None:
        return frame
    items, complete = interpreter.iterate(value)
    if name in ("set", "frozenset"):
        return as_set(items, complete)
    if name == "reversed":
        items.reverse()
    return Items(items, complete, "tuple" if name == "tuple" else "list")


def dictionary(interpreter: "Interpreter", first: Any, keywords: dict[str, Any]) -> Any:
    """The value of ``dict(...)``."""
    result = Mapping({}) if first is None else entries_of(interpreter, first)
    result.add(keywords)
    return result


def _combined(interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "enumerate" and arguments:
        items, complete = interpreter.iterate(arguments[0])
        spend(len(items) >> 2)
        start = keywords.get("start") or (arguments[1] if len(arguments) > 1 else Const(0))
        first = start.value if isinstance(start, Const) and isinstance(start.value, int) else 0
        return Items(
            [Items([Const(first + i), item], kind="tuple") for i, item in enumerate(items)], complete
        )
    if name == "zip":
        columns = [interpreter.iterate(argument) for argument in arguments]
        rows = list(zip(*(items for items, _ in columns), strict=False))
        spend(len(rows) >> 2)
        return Items([Items(list(row), kind="tuple") for row in rows], all(whole for _, whole in columns))
    if name == "map" and len(arguments) >= 2:
        return mapped(interpreter, arguments[0], arguments[1:])
    if name == "filter" and len(arguments) == 2:
        items, complete = interpreter.iterate(arguments[1])
        kept = []
        for item in items:
            is_truth = isinstance(arguments[0], Const)  # filter(None, ...)
            test = item if is_truth else interpreter.invoke(arguments[0], [item])
            decision = interpreter.decided(test)
            if decision is not False:
                kept.append(item if decision else interpreter.perhaps(item, test))
            complete = complete and (decision is not None or not interpreter.guesses)
        return Items(kept, complete)
    return Unknown()


def mapped(interpreter: "Interpreter", function: Any, iterables: list[Any]) -> Any:
    """The results of calling a function for the items of collections."""
    columns = [interpreter.iterate(iterable) for iterable in iterables]
    unknown = [
        iterable
        for iterable, (items, whole) in zip(iterables, columns, strict=True)
        if not whole and not (items and interpreter.guesses)
    ]
    if unknown:
        with interpreter.in_doubt(unknown[0]):
            interpreter.invoke(function, [interpreter.element(iterable) for iterable in iterables])
        return Items([], complete=False)
    length = max((len(items) for items, _ in columns), default=0) if interpreter.guesses else 1
    rows: list[tuple[Any, ...]] = list(
        zip(*(items * length if len(items) == 1 else items for items, _ in columns), strict=False)
    )
    return followed(interpreter, function, rows, all(whole for _, whole in columns))


def followed(
    interpreter: "Interpreter", function: Any, rows: Sequence[Sequence[Any]], complete: bool
) -> Items:
    """The results of calling a function for rows of arguments; ``complete``: there are no more rows."""
    notes = interpreter.session.notes
    results = [interpreter.invoke(function, list(row)) for row in rows[: interpreter.max_items]]
    interpreter.report_rest(notes, len(rows), complete)
    return Items(results, complete and len(rows) <= interpreter.max_items)


def _run_callbacks(interpreter: "Interpreter", arguments: list[Any], keywords: dict[str, Any]) -> None:
    """Follow functions that are handed to something unknown, which will call them."""
    for value in [*arguments, *keywords.values()]:
        for _, option in options_of(value):
            if isinstance(option, Function | Partial) and (
                not isinstance(option, Function) or option.node not in interpreter.call_stack
            ):
                interpreter.invoke(option, [])


def _range(arguments: list[Any], most: int) -> Any:
    try:
        numbers = range(*(to_python(argument) for argument in arguments))
    except (ValueError, TypeError):
        return Items([], complete=False)
    return Items([Const(number) for number in numbers[:most]], complete=len(numbers) <= most)
