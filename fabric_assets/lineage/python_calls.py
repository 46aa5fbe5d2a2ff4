"""Builtins, collections and the standard library, as far as tables' names are built with them."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.classes import as_dictionary, member, printed
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.inheritance import method_order
from fabric_assets.lineage.interpreter import MAX_ITERATIONS
from fabric_assets.lineage.plain import from_key, from_python, put, text_of, to_python
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

_TYPES = {"str": str, "int": int, "float": float, "bool": bool}
_PURE = {
    "int": int, "float": float, "bool": bool, "len": len, "abs": abs, "round": round, "ord": ord, "chr": chr,
    "max": max, "min": min, "sum": sum, "sorted": sorted, "repr": repr, "divmod": divmod, "any": any, "all": all,
}  # fmt: skip
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
    if name == "object.__new__" and isinstance(first, ClassValue):
        return Instance({}, first)
    if name == "type" and len(arguments) == 1:
        return map_options(_class_of, [first], interpreter.session.branches)
    if name == "isinstance" and len(arguments) == 2:
        return _is_instance(first, arguments[1])
    if name in _COPIES and len(arguments) == 1:
        return copied(interpreter, name, first)
    if name in ("list", "dict", "set", "tuple") and not arguments:
        return (
            Mapping(dict(keywords))
            if name == "dict"
            else Items([], kind="tuple" if name == "tuple" else "list")
        )
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
        return _range(arguments)
    if name == "getattr" and len(arguments) >= 2:
        return map_options(
            lambda owner, named: _attribute(interpreter, owner, named, arguments[2:]),
            arguments[:2],
            interpreter.session.branches,
        )
    if name == "setattr" and len(arguments) == 3 and isinstance(arguments[1], Const):
        for _, option in options_of(first):
            interpreter.set_attribute(option, str(arguments[1].value), arguments[2])
        return Const(None)
    if name in ("next",) and arguments:
        items, complete = interpreter.iterate(first)
        return items[0] if items and complete else Unknown()
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
    if name in _PURE:
        return _pure(name, arguments, keywords)
    _run_callbacks(interpreter, arguments, keywords)
    return Unknown()


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
    if name == "sorted" and arguments and isinstance(arguments[0], Items) and keywords:
        return Items(list(arguments[0].items), arguments[0].complete)
    try:
        plain = [to_python(argument) for argument in arguments]
        named = {key: to_python(value) for key, value in keywords.items()}
        overridable = any(getattr(argument, "overridable", False) for argument in arguments)
        return from_python(_PURE[name](*plain, **named), overridable)  # type: ignore[operator]
    except (ValueError, TypeError, OverflowError, RecursionError):
        if name == "sorted" and arguments and isinstance(arguments[0], Items | Mapping):
            return copied(None, "list", arguments[0])
        return Unknown()


def _is_instance(value: Any, kinds: Any) -> Any:
    results = set()
    for _, option in options_of(value):
        results.add(_instance_of(option, kinds))
    return Const(results.pop()) if len(results) == 1 and None not in results else Unknown()


def _instance_of(value: Any, kinds: Any) -> bool | None:
    names = {
        kind.name.rpartition(".")[2]
        for kind in (kinds.items if isinstance(kinds, Items) else [kinds])
        if isinstance(kind, Lib)
    }
    own = [
        kind
        for kind in (kinds.items if isinstance(kinds, Items) else [kinds])
        if isinstance(kind, ClassValue)
    ]
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


def copied(interpreter: "Interpreter | None", name: str, value: Any) -> Any:
    """The items of a value as a new collection."""
    items: list[Any] = []
    complete = True
    for _, option in options_of(value):
        if isinstance(option, Items):
            items += option.items
            complete = complete and option.complete
        elif isinstance(option, Mapping):
            items += [from_key(key) for key in option.entries]
            complete = complete and option.complete
        elif isinstance(option, ClassValue | Instance) and interpreter is not None:
            found, whole = interpreter.iterate(option)
            items += found
            complete = complete and whole
        elif isinstance(option, Const) and isinstance(option.value, str):
            items += [Const(character) for character in option.value[:300]]
            complete = complete and len(option.value) <= 300
        elif isinstance(option, Frame) or interpreter is None:
            return option
        else:
            complete = False
    if name == "reversed":
        items.reverse()
    return Items(items, complete, "tuple" if name == "tuple" else "list")


def dictionary(interpreter: "Interpreter", first: Any, keywords: dict[str, Any]) -> Any:
    """The value of ``dict(...)``."""
    made = Mapping({})
    if isinstance(first, Mapping):
        made = Mapping(dict(first.entries), first.complete)
    elif first is not None:
        pairs, made.complete = interpreter.iterate(first)
        for pair in pairs:
            if isinstance(pair, Items) and len(pair.items) == 2:
                put(made, *pair.items)
            else:
                made.complete = False
    made.add(keywords)
    return made


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
            decision = interpreter.decided(item if is_truth else interpreter.invoke(arguments[0], [item]))
            if decision is not False:
                kept.append(item)
            complete = complete and decision is not None
        return Items(kept, complete)
    return Unknown()


def mapped(interpreter: "Interpreter", function: Any, iterables: list[Any]) -> Any:
    """The results of calling a function for the items of collections."""
    columns = [interpreter.iterate(iterable) for iterable in iterables]
    if any(not items and not whole for items, whole in columns):
        interpreter.invoke(function, [interpreter.element(iterable) for iterable in iterables])
        return Items([], complete=False)
    length = max((len(items) for items, _ in columns), default=0)
    rows: Iterable[tuple[Any, ...]] = zip(
        *(items * length if len(items) == 1 and length > 1 else items for items, _ in columns), strict=False
    )
    return followed(interpreter, function, list(rows), all(whole for _, whole in columns))


def followed(
    interpreter: "Interpreter", function: Any, rows: Sequence[Sequence[Any]], complete: bool
) -> Items:
    """The results of calling a function for rows of arguments; ``complete``: there are no more rows."""
    notes = interpreter.session.notes
    results = [interpreter.invoke(function, list(row)) for row in rows[:MAX_ITERATIONS]]
    interpreter.report_rest(notes, len(rows), complete)
    return Items(results, complete and len(rows) <= MAX_ITERATIONS)


def _run_callbacks(interpreter: "Interpreter", arguments: list[Any], keywords: dict[str, Any]) -> None:
    """Follow functions that are handed to something unknown, which will call them."""
    for value in [*arguments, *keywords.values()]:
        for _, option in options_of(value):
            if isinstance(option, Function | Partial) and (
                not isinstance(option, Function) or option.node not in interpreter.call_stack
            ):
                interpreter.invoke(option, [])


def _range(arguments: list[Any]) -> Any:
    try:
        numbers = range(*(to_python(argument) for argument in arguments))
    except (ValueError, TypeError):
        return Items([], complete=False)
    return Items([Const(number) for number in numbers[:400]], complete=len(numbers) <= 400)
