"""Builtins, collections and the standard library, as far as tables' names are built with them."""

import json
import re
from collections.abc import Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.functions import parent
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
    concatenate,
    from_python,
    map_options,
    one_of,
    options_of,
    text_of,
    to_python,
)

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_TYPES = {"str": str, "int": int, "float": float, "bool": bool}
_PURE = {
    "int": int, "float": float, "bool": bool, "len": len, "abs": abs, "round": round, "ord": ord, "chr": chr,
    "max": max, "min": min, "sum": sum, "sorted": sorted, "repr": repr, "divmod": divmod, "any": any, "all": all,
}  # fmt: skip
_COPIES = {"list", "tuple", "set", "frozenset", "reversed", "iter"}
_SUBMITS = {
    "submit",
    "apply_async",
    "apply",
    "create_task",
    "run_coroutine_threadsafe",
    "to_thread",
    "run_sync",
}


def call_builtin(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any:
    """The value of a call of a builtin."""
    first = arguments[0] if arguments else None
    if name == "str":
        return map_options(text_of, [first], interpreter.session.branches) if arguments else Const("")
    if name == "super":
        return parent(interpreter)
    if name == "isinstance" and len(arguments) == 2:
        return _is_instance(first, arguments[1])
    if name in _COPIES and len(arguments) == 1:
        return _copied(interpreter, name, first)
    if name in ("list", "dict", "set", "tuple") and not arguments:
        return (
            Mapping(dict(keywords))
            if name == "dict"
            else Items([], kind="tuple" if name == "tuple" else "list")
        )
    if name == "dict":
        return _dictionary(interpreter, first, keywords)
    if name in ("enumerate", "zip", "map", "filter"):
        return _combined(interpreter, name, arguments, keywords)
    if name == "range":
        return _range(arguments)
    if name == "getattr" and len(arguments) >= 2 and isinstance(arguments[1], Const):
        owner = first
        if isinstance(owner, Instance | ClassValue):
            found = owner.attributes.get(str(arguments[1].value))
            return found if found is not None else Bound(owner, str(arguments[1].value))
        return Bound(owner, str(arguments[1].value))
    if name in ("next",) and arguments:
        items, _ = interpreter.iterate(first)
        return items[0] if items else Unknown()
    if name in ("globals", "locals", "vars"):
        return Mapping({}, complete=False)
    if name in ("exec", "eval"):
        interpreter.session.gap(f"{name}() runs text; what it reads and writes is not followed")
        return Unknown()
    if name in ("exit", "quit"):
        return Never()
    if name in _PURE:
        return _pure(name, arguments, keywords)
    _run_callbacks(interpreter, arguments, keywords)
    return Unknown()


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
            return _copied(None, "list", arguments[0])
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
        return True if value.cls in own else None if own else False
    return None


def _copied(interpreter: "Interpreter | None", name: str, value: Any) -> Any:
    items: list[Any] = []
    complete = True
    for _, option in options_of(value):
        if isinstance(option, Items):
            items += option.items
            complete = complete and option.complete
        elif isinstance(option, Mapping):
            items += [Const(key) for key in option.entries]
            complete = complete and option.complete
        elif isinstance(option, Const) and isinstance(option.value, str):
            items += [Const(character) for character in option.value[:300]]
        elif isinstance(option, Frame) or interpreter is None:
            return option
        else:
            complete = False
    if name == "reversed":
        items.reverse()
    return Items(items, complete, "tuple" if name == "tuple" else "list")


def _dictionary(interpreter: "Interpreter", first: Any, keywords: dict[str, Any]) -> Any:
    entries: dict[Any, Any] = {}
    complete = True
    if isinstance(first, Mapping):
        entries, complete = dict(first.entries), first.complete
    elif first is not None:
        pairs, complete = interpreter.iterate(first)
        for pair in pairs:
            if isinstance(pair, Items) and len(pair.items) == 2 and isinstance(pair.items[0], Const):
                _put(entries, pair.items[0].value, pair.items[1])
            else:
                complete = False
    entries.update(keywords)
    return Mapping(entries, complete)


def _put(entries: dict[Any, Any], key: Any, value: Any) -> None:
    if isinstance(key, str | int | float | bool | tuple | type(None)):
        entries[key] = value


def _combined(interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "enumerate" and arguments:
        items, complete = interpreter.iterate(arguments[0])
        start = keywords.get("start") or (arguments[1] if len(arguments) > 1 else Const(0))
        first = start.value if isinstance(start, Const) and isinstance(start.value, int) else 0
        return Items(
            [Items([Const(first + i), item], kind="tuple") for i, item in enumerate(items)], complete
        )
    if name == "zip":
        columns = [interpreter.iterate(argument) for argument in arguments]
        rows = zip(*(items for items, _ in columns), strict=False)
        return Items([Items(list(row), kind="tuple") for row in rows], all(whole for _, whole in columns))
    if name == "map" and len(arguments) >= 2:
        return mapped(interpreter, arguments[0], arguments[1:])
    if name == "filter" and len(arguments) == 2:
        items, complete = interpreter.iterate(arguments[1])
        kept = []
        for item in items:
            decision = interpreter.decided(run_callback(interpreter, arguments[0], [item]))
            if decision is not False:
                kept.append(item)
            complete = complete and decision is not None
        return Items(kept, complete)
    return Unknown()


def mapped(interpreter: "Interpreter", function: Any, iterables: list[Any]) -> Any:
    """The results of calling a function for the items of collections."""
    columns = [interpreter.iterate(iterable) for iterable in iterables]
    if any(not items and not whole for items, whole in columns):
        run_callback(interpreter, function, [interpreter.element(iterable) for iterable in iterables])
        return Items([], complete=False)
    length = max((len(items) for items, _ in columns), default=0)
    rows: Iterable[tuple[Any, ...]] = zip(
        *(items * length if len(items) == 1 and length > 1 else items for items, _ in columns), strict=False
    )
    results = [run_callback(interpreter, function, list(row)) for row in list(rows)[:300]]
    return Items(results, all(whole for _, whole in columns))


def run_callback(interpreter: "Interpreter", function: Any, arguments: list[Any]) -> Any:
    """The value of a call that a library makes."""
    from fabric_assets.lineage.calls import invoke

    return invoke(interpreter, function, arguments, {})


def _run_callbacks(interpreter: "Interpreter", arguments: list[Any], keywords: dict[str, Any]) -> None:
    """Follow functions that are handed to something unknown, which will call them."""
    for value in [*arguments, *keywords.values()]:
        for _, option in options_of(value):
            if isinstance(option, Function | Partial) and (
                not isinstance(option, Function) or option.node not in interpreter.call_stack
            ):
                run_callback(interpreter, option, [])


def _range(arguments: list[Any]) -> Any:
    try:
        numbers = range(*(to_python(argument) for argument in arguments))
    except (ValueError, TypeError):
        return Items([], complete=False)
    return Items([Const(number) for number in numbers[:400]], complete=len(numbers) <= 400)


def collection_method(
    interpreter: "Interpreter",
    owner: Items | Mapping,
    name: str,
    arguments: list[Any],
    keywords: dict[str, Any],
) -> Any:
    """The value of a call of a method of a list or dictionary."""
    if isinstance(owner, Mapping):
        return _mapping_method(owner, name, arguments, keywords)
    first = arguments[0] if arguments else Unknown()
    if name in ("append", "add", "appendleft", "put"):
        if len(owner.items) < 5000:
            owner.items.append(first)
        return Const(None)
    if name in ("extend", "update"):
        items, complete = interpreter.iterate(first)
        owner.items.extend(items[:5000])
        owner.complete = owner.complete and complete
        return Const(None)
    if name == "insert" and len(arguments) == 2:
        position = first.value if isinstance(first, Const) and isinstance(first.value, int) else 0
        owner.items.insert(position, arguments[1])
        return Const(None)
    if name == "copy":
        return Items(list(owner.items), owner.complete, owner.kind)
    if (
        name in ("pop", "popleft", "get")
        and owner.items
        and owner.complete
        and not interpreter.session.branches
    ):
        return owner.items.pop(0 if name != "pop" or _is_zero(first, arguments) else -1)
    if name in ("sort", "remove", "clear", "discard"):
        if name in ("remove", "discard"):
            owner.items = [item for item in owner.items if not _equal(item, first)]
        elif name == "clear":
            owner.items = []
        return Const(None)
    if name == "reverse":
        owner.items.reverse()
        return Const(None)
    if name in ("union", "intersection", "difference", "symmetric_difference"):
        return _set_operation(interpreter, owner, name, arguments)
    return Unknown()


def _set_operation(interpreter: "Interpreter", owner: Items, name: str, arguments: list[Any]) -> Any:
    others, complete = interpreter.iterate(arguments[0]) if arguments else ([], True)
    if name == "union":
        return Items([*owner.items, *others], owner.complete and complete)
    if not complete or name == "symmetric_difference":
        return Items(list(owner.items), complete=False)
    keep = name == "intersection"
    return Items([i for i in owner.items if any(_equal(i, o) for o in others) == keep], owner.complete)


def _is_zero(value: Any, arguments: list[Any]) -> bool:
    return bool(arguments) and isinstance(value, Const) and value.value == 0


def _equal(left: Any, right: Any) -> bool:
    return isinstance(left, Const) and isinstance(right, Const) and bool(left.value == right.value)


def _mapping_method(owner: Mapping, name: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    if name == "items":
        return Items([Items([Const(k), v], kind="tuple") for k, v in owner.entries.items()], owner.complete)
    if name == "keys":
        return Items([Const(key) for key in owner.entries], owner.complete)
    if name == "values":
        return Items(list(owner.entries.values()), owner.complete)
    if name == "copy":
        return Mapping(dict(owner.entries), owner.complete)
    if name == "update":
        for value in arguments:
            if isinstance(value, Mapping):
                owner.entries.update(value.entries)
                owner.complete = owner.complete and value.complete
            else:
                owner.complete = False
        owner.entries.update(keywords)
        return Const(None)
    if name in ("get", "pop", "setdefault") and arguments:
        return _entry(owner, arguments, stores=name == "setdefault")
    return Unknown()


def _entry(owner: Mapping, arguments: list[Any], *, stores: bool) -> Any:
    default = arguments[1] if len(arguments) > 1 else Const(None)
    options = []
    for guard, key in options_of(arguments[0]):
        if not isinstance(key, Const) or not isinstance(
            key.value, str | int | float | bool | tuple | type(None)
        ):
            values = list(owner.entries.values())
            if values and owner.complete and all(isinstance(v, Function | Mapping | Frame) for v in values):
                options += [(guard, value) for value in values]
            else:
                options.append((guard, Unknown()))
        elif key.value in owner.entries:
            options.append((guard, owner.entries[key.value]))
        else:
            options.append((guard, default if owner.complete else Unknown()))
            if stores:
                owner.entries[key.value] = default
    return one_of(options)


def call_standard_library(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any | None:
    """The value of a call of the standard library, ``None`` if it is not one that is known."""
    first = arguments[0] if arguments else Unknown()
    last = name.rpartition(".")[2]
    if name in (
        "os.path.join",
        "posixpath.join",
        "pathlib.Path",
        "pathlib.PurePosixPath",
        "pathlib.PosixPath",
    ):
        return map_options(_joined_path, arguments, interpreter.session.branches) if arguments else Const(".")
    if name in ("copy.copy", "copy.deepcopy", "typing.cast", "asyncio.run"):
        return arguments[-1] if arguments else Unknown()
    if name == "json.loads":
        return map_options(_json, [first], interpreter.session.branches)
    if name == "json.dumps":
        try:
            return Const(json.dumps(to_python(first)))
        except (ValueError, TypeError):
            return Unknown()
    if name == "textwrap.dedent":
        return first
    if name in ("re.sub", "re.escape"):
        return _regular_expression(last, arguments)
    if name == "functools.partial" and arguments:
        return Partial(first, tuple(arguments[1:]), tuple(keywords.items()))
    if name == "functools.reduce" and len(arguments) >= 2:
        return _reduced(interpreter, arguments)
    if name in ("itertools.product", "itertools.chain"):
        return _iterated(interpreter, last, arguments)
    if name == "itertools.chain.from_iterable":
        items, complete = interpreter.iterate(first)
        chained = _iterated(interpreter, "chain", items)
        return Items(chained.items, chained.complete and complete) if isinstance(chained, Items) else chained
    if name in ("threading.Thread", "multiprocessing.Process", "threading.Timer"):
        target = keywords.get("target")
        passed, _ = interpreter.iterate(keywords.get("args", Items([])))
        if target is not None:
            run_callback(interpreter, target, passed)
        return Unknown()
    if name in ("collections.OrderedDict", "collections.defaultdict", "types.SimpleNamespace"):
        if last == "SimpleNamespace":
            return Instance(dict(keywords))
        values = arguments[1:] if last == "defaultdict" else arguments
        return (
            _dictionary(interpreter, values[0] if values else None, keywords)
            if last != "defaultdict"
            else Mapping({}, False)
        )
    if name in ("collections.deque", "queue.Queue"):
        return _copied(interpreter, "list", first) if arguments else Items([])
    if name in ("sys.exit", "os._exit"):
        return Never()
    return None


def run_submitted(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any | None:
    """Follow the function that a thread pool or the like is to run, ``None`` if the method is no such thing."""
    from fabric_assets.lineage.calls import invoke

    functions = [a for a in arguments[:2] if isinstance(a, Function | Partial | Lib | Bound) or _callable(a)]
    if not functions:
        return None
    function = functions[0]
    rest = arguments[arguments.index(function) + 1 :]
    if name in ("map", "imap", "imap_unordered", "map_async", "thread_map", "process_map") and rest:
        return mapped(interpreter, function, rest)
    if name in ("starmap", "starmap_async") and rest:
        items, complete = interpreter.iterate(rest[0])
        rows = [interpreter.iterate(item)[0] for item in items]
        return Items([invoke(interpreter, function, row, {}) for row in rows[:300]], complete)
    if name in ("apply_async", "apply") and rest:
        passed, _ = interpreter.iterate(rest[0])
        named = rest[1].entries if len(rest) > 1 and isinstance(rest[1], Mapping) else {}
        return invoke(interpreter, function, passed, {str(k): v for k, v in named.items()})
    if name in _SUBMITS or name == "run_in_executor":
        return invoke(interpreter, function, rest, keywords)
    return None


def _callable(value: Any) -> bool:
    return any(isinstance(option, Function | Partial) for _, option in options_of(value))


def _joined_path(*parts: Any) -> Any:
    texts: list[Const | Text] = []
    for part in parts:
        text = text_of(part)
        absolute = isinstance(text, Const) and str(text.value).startswith("/")
        if texts and not absolute:
            texts.append(Const("/"))
        elif absolute:
            texts.clear()
        texts.append(text)
    joined = concatenate(texts)
    if isinstance(joined, Const):
        return Const(re.sub(r"(?<!:)/{2,}", "/", joined.value), joined.overridable)
    return joined


def _json(text: Any) -> Any:
    if not (isinstance(text, Const) and isinstance(text.value, str)):
        return Unknown()
    try:
        return from_python(_loaded(text.value), text.overridable)
    except (ValueError, RecursionError):
        return Unknown()


@lru_cache(maxsize=64)
def _loaded(text: str) -> Any:
    return json.loads(text)


def _regular_expression(name: str, arguments: list[Any]) -> Any:
    try:
        plain = [to_python(argument) for argument in arguments]
        if name == "escape":
            return Const(re.escape(plain[0]))
        if (
            len(plain) != 3
            or len(plain[0]) > 60
            or len(plain[2]) > 300
            or re.search(r"[+*}]\)?[+*{]", plain[0])
        ):
            return Unknown()
        return Const(re.sub(*plain))
    except (ValueError, TypeError, re.error, IndexError, RecursionError):
        return Unknown()


def _reduced(interpreter: "Interpreter", arguments: list[Any]) -> Any:
    items, complete = interpreter.iterate(arguments[1])
    if len(arguments) > 2:
        items = [arguments[2], *items]
    if not items:
        return Unknown()
    result = items[0]
    for item in items[1:50]:
        result = run_callback(interpreter, arguments[0], [result, item])
    if isinstance(result, Frame | Unknown):
        return result
    return result if complete and len(items) <= 50 else Unknown()


def _iterated(interpreter: "Interpreter", name: str, arguments: list[Any]) -> Any:
    columns = [interpreter.iterate(argument) for argument in arguments]
    complete = all(whole for _, whole in columns)
    if name == "chain":
        return Items([item for items, _ in columns for item in items], complete)
    rows: list[list[Any]] = [[]]
    for items, _ in columns:
        rows = [[*row, item] for row in rows for item in items]
        if len(rows) > 500:
            return Items([], complete=False)
    return Items([Items(row, kind="tuple") for row in rows], complete)
