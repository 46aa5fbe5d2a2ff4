"""The standard library, as far as tables' names and calls of functions go through it."""

import json
from dataclasses import replace
from itertools import product, zip_longest
from math import prod
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.class_fields import Fields
from fabric_assets.lineage.classes import as_dictionary, replaced
from fabric_assets.lineage.documents import parsed, rows_of_text
from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.objects import duplicate
from fabric_assets.lineage.orders import call_order
from fabric_assets.lineage.paths import joined_path, path_function
from fabric_assets.lineage.plain import find_entry, from_python, text_of, to_python
from fabric_assets.lineage.possibilities import map_options, options_of
from fabric_assets.lineage.python_calls import copied, dictionary, followed, mapped
from fabric_assets.lineage.regular_expressions import FUNCTIONS, expression
from fabric_assets.lineage.strings import split_script
from fabric_assets.lineage.values import (
    AUTO,
    Bound,
    ClassValue,
    Const,
    FieldFactory,
    Function,
    Instance,
    Items,
    Lib,
    Mapping,
    Never,
    Partial,
    PartialMethod,
    Template,
    Unknown,
)
from fabric_assets.lineage.widgets import outer_value

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_SUBMITS = {
    "submit",
    "apply_async",
    "apply",
    "create_task",
    "run_coroutine_threadsafe",
    "to_thread",
    "run_sync",
}


_DUMP_OPTIONS = ("ensure_ascii", "indent", "separators", "sort_keys")
_GETTER = "operator.the_getter"  # what `itemgetter` and `attrgetter` make


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
        return map_options(joined_path, arguments, interpreter.session.branches) if arguments else Const(".")
    if name in ("typing.cast", "asyncio.run"):
        return arguments[-1] if arguments else Unknown()
    if name in ("copy.copy", "copy.deepcopy"):
        is_deep = last == "deepcopy"
        return map_options(lambda v: duplicate(v, is_deep), [first], interpreter.session.branches)
    given = outer_value(interpreter, name, arguments, keywords)
    if given is not None:
        return given
    if name == "json.loads":
        value = map_options(lambda text: parsed(name, text), [first], interpreter.session.branches)
        hook = keywords.get("object_hook")
        return value if hook is None else _with_hook(interpreter, value, hook)
    if name.startswith("os.path.") and arguments:
        return map_options(lambda path: path_function(last, path), [first], interpreter.session.branches)
    if last == "delayed" and _callable(first):  # joblib, dask
        return first
    if name in ("yaml.safe_load", "yaml.load", "yaml.full_load", "tomllib.loads", "ast.literal_eval"):
        return map_options(lambda text: parsed(name, text), [first], interpreter.session.branches)
    if name == "json.dumps":
        try:
            options = {key: to_python(keywords[key]) for key in _DUMP_OPTIONS if key in keywords}
            return from_python(json.dumps(to_python(first), **options))
        except (ValueError, TypeError):
            return Unknown()
    if name in ("textwrap.dedent", "urllib.parse.quote_plus", "urllib.parse.quote") and arguments:
        return first
    if name in ("io.StringIO", "StringIO.StringIO") and arguments:
        return first
    if name in ("csv.DictReader", "csv.reader"):
        return rows_of_text(first, keywords, with_names=last == "DictReader")
    if name == "sqlparse.split":
        return map_options(split_script, [first], interpreter.session.branches)
    if name in FUNCTIONS and not keywords:
        return expression(last, arguments)
    ordered = call_order(interpreter, name, arguments, keywords)
    if ordered is not None:
        return ordered
    if name == "functools.partial" and arguments:
        return Partial(first, tuple(arguments[1:]), tuple(keywords.items()))
    if name == "functools.partialmethod" and arguments:
        return PartialMethod(first, tuple(arguments[1:]), tuple(keywords.items()))
    if name == "functools.reduce" and len(arguments) >= 2:
        return _reduced(interpreter, arguments)
    if name in ("itertools.product", "itertools.chain", "itertools.zip_longest"):
        return _iterated(interpreter, last, arguments)
    if name == "itertools.chain.from_iterable":
        items, complete = interpreter.iterate(first)
        chained = _iterated(interpreter, "chain", items)
        return Items(chained.items, chained.complete and complete) if isinstance(chained, Items) else chained
    if name in ("threading.Thread", "multiprocessing.Process", "threading.Timer"):
        target = keywords.get("target")
        passed, _ = interpreter.iterate(keywords.get("args", Items([])))
        named = keywords.get("kwargs")
        given_names = (
            {str(key): value for key, value in named.entries.items()} if isinstance(named, Mapping) else {}
        )
        if target is not None:
            interpreter.invoke(target, passed, given_names)
        return Unknown()
    if name in ("operator.itemgetter", "operator.attrgetter") and len(arguments) == 1:
        return Partial(Lib(_GETTER), (first,))
    if name == _GETTER and len(arguments) == 2:
        return map_options(_gotten, arguments, interpreter.session.branches)
    if name in ("collections.OrderedDict", "collections.defaultdict", "types.SimpleNamespace"):
        if last == "SimpleNamespace":
            return Instance(dict(keywords))
        values = arguments[1:] if last == "defaultdict" else arguments
        return (
            dictionary(interpreter, values[0] if values else None, keywords)
            if last != "defaultdict"
            else replace(dictionary(interpreter, values[0] if values else None, keywords), factory=first)
        )
    if name == "types.MappingProxyType":
        return first
    if name == "collections.ChainMap":
        return _chained(arguments)
    if name in ("collections.deque", "queue.Queue"):
        return copied(interpreter, "list", first) if arguments else Items([])
    if name == "collections.namedtuple" and len(arguments) > 1:
        return _named_tuple(arguments[0], arguments[1])
    if name in ("string.Template", "jinja2.Template") and arguments:
        return map_options(
            lambda text: Template(text_of(text), name.startswith("jinja2")),
            [first],
            interpreter.session.branches,
        )
    if name == "enum.auto":
        return AUTO
    if name in ("dataclasses.field", "pydantic.Field", "attr.ib", "attr.field", "attrs.field"):
        if "default_factory" in keywords:
            return FieldFactory(keywords["default_factory"])
        return keywords.get("default", first)
    if name == "dataclasses.asdict" and isinstance(first, Instance):
        return as_dictionary(first)
    if name == "dataclasses.replace":
        return replaced(interpreter, first, keywords)
    if name == "pydantic.model_copy":
        update = keywords.get("update")
        changes = update.entries.items() if isinstance(update, Mapping) else ()
        return replaced(interpreter, first, {str(key): value for key, value in changes})
    if name == "pydantic.model_validate" and len(arguments) == 2 and isinstance(arguments[1], Mapping):
        return interpreter.invoke(first, [], {str(key): v for key, v in arguments[1].entries.items()})
    if name in ("sys.exit", "os._exit"):
        return Never()
    return None


def run_submitted(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any | None:
    """Follow the function that a thread pool or the like is to run, ``None`` if the method is no such thing."""
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
        return followed(interpreter, function, rows, complete)
    if name in ("apply_async", "apply") and rest:
        passed, _ = interpreter.iterate(rest[0])
        named = rest[1].entries if len(rest) > 1 and isinstance(rest[1], Mapping) else {}
        return interpreter.invoke(function, passed, {str(k): v for k, v in named.items()})
    if name in _SUBMITS or name == "run_in_executor":
        return interpreter.invoke(function, rest, keywords)
    return None


def _with_hook(interpreter: "Interpreter", value: Any, hook: Any) -> Any:
    """What ``json.loads(text, object_hook=hook)`` makes of the objects in a value."""
    if isinstance(value, Items):
        return Items([_with_hook(interpreter, item, hook) for item in value.items], value.complete)
    if isinstance(value, Mapping):
        entries = {key: _with_hook(interpreter, part, hook) for key, part in value.entries.items()}
        return interpreter.invoke(hook, [Mapping(entries, value.complete)])
    return value


def _chained(arguments: list[Any]) -> Any:
    made = Mapping({})
    for argument in reversed(arguments):
        if not isinstance(argument, Mapping):
            return Unknown()
        made.add(argument.entries, argument.complete)
    return made


def _gotten(key: Any, owner: Any) -> Any:
    """What ``itemgetter(key)`` and ``attrgetter(key)`` get from a value."""
    if isinstance(owner, Mapping):
        return owner.entries.get(find_entry(owner, key), Unknown())
    if isinstance(owner, Items) and isinstance(key, Const) and isinstance(key.value, int) and owner.complete:
        return owner.items[key.value] if -len(owner.items) <= key.value < len(owner.items) else Unknown()
    if isinstance(owner, Instance) and isinstance(key, Const):
        return owner.attributes.get(str(key.value), Unknown())
    return Unknown()


def _named_tuple(name: Any, fields: Any) -> Any:
    try:
        plain = to_python(fields)
    except ValueError:
        return Unknown()
    names = plain.replace(",", " ").split() if isinstance(plain, str) else [str(field) for field in plain]
    title = str(name.value) if isinstance(name, Const) else ""
    return ClassValue(title, {}, fields=Fields(tuple(names)), kind="tuple")


def _callable(value: Any) -> bool:
    return any(isinstance(option, Function | Partial) for _, option in options_of(value))


def _reduced(interpreter: "Interpreter", arguments: list[Any]) -> Any:
    items, complete = interpreter.iterate(arguments[1])
    if len(arguments) > 2:
        items = [arguments[2], *items]
    if not items:
        return Unknown()
    result = items[0]
    for item in items[1:50]:
        result = interpreter.invoke(arguments[0], [result, item])
    if isinstance(result, Frame | Unknown):
        return result
    return result if complete and len(items) <= 50 else Unknown()


def _iterated(interpreter: "Interpreter", name: str, arguments: list[Any]) -> Any:
    columns = [interpreter.iterate(argument) for argument in arguments]
    complete = all(whole for _, whole in columns)
    if name == "chain":
        joined = Items([], complete)
        for items, _ in columns:
            joined.add(items)
        return joined
    if name == "zip_longest":
        longest = zip_longest(*(items for items, _ in columns), fillvalue=Unknown())
        return Items([Items(list(row), kind="tuple") for row in longest], complete)
    if prod(len(items) for items, _ in columns) > 500:
        return Items([], complete=False)
    rows = product(*(items for items, _ in columns))
    return Items([Items(list(row), kind="tuple") for row in rows], complete)
