"""What the standard library puts into groups or into an order: ``itertools.groupby``, ``graphlib``."""

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.plain import as_key, from_key, put
from fabric_assets.lineage.values import Const, Instance, Items, Lib, Mapping, Partial, Unknown
from fabric_assets.lineage.work import spend

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_SORTER = "graphlib.TopologicalSorter"
_METHODS = {"static_order": "order", "get_ready": "order", "add": "add"}


def call_order(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any | None:
    """The value of a call of one of these, ``None`` if it is another function."""
    if name == "itertools.groupby" and arguments:
        function = keywords.get("key", arguments[1] if len(arguments) > 1 else None)
        return _groups(interpreter, arguments[0], function)
    if name == _SORTER:
        graph = Mapping({})
        for key, before in _entries(arguments[0] if arguments else keywords.get("graph")):
            _add(interpreter, graph, key, before)
        parts = {own: Partial(Lib(f"{_SORTER}.{what}"), (graph,)) for own, what in _METHODS.items()}
        return Instance(dict(parts))
    if name == f"{_SORTER}.add" and len(arguments) > 1:
        _add(interpreter, arguments[0], arguments[1], Items(arguments[2:]))
        return Const(None)
    return _ordered(arguments[0]) if name == f"{_SORTER}.order" else None


def _groups(interpreter: "Interpreter", value: Any, function: Any) -> Any:
    items, complete = interpreter.iterate(value)
    keys = items if function is None else [interpreter.invoke(function, [item]) for item in items]
    if not all(isinstance(key, Const) for key in keys):
        known = Items([Items([Unknown(), Items(items, complete)], kind="tuple")])
        return known if items else Items([], complete)
    groups: list[tuple[Any, list[Any]]] = []
    for key, item in zip(keys, items, strict=True):
        if not groups or groups[-1][0].value != key.value:
            groups.append((key, []))
        groups[-1][1].append(item)
    return Items([Items([key, Items(members)], kind="tuple") for key, members in groups], complete)


def _entries(graph: Any) -> list[tuple[Any, Any]]:
    return (
        [(from_key(key), before) for key, before in graph.entries.items()]
        if isinstance(graph, Mapping)
        else []
    )


def _add(interpreter: "Interpreter", graph: Mapping, node: Any, before: Any) -> None:
    others, complete = interpreter.iterate(before)
    graph.complete = graph.complete and complete
    known = as_key(node)
    earlier = graph.entries[known].items if known in graph.entries else []
    put(graph, node, Items([*earlier, *others]))


def _ordered(graph: Mapping) -> Items:
    """The nodes, each after those before it."""
    sorter: TopologicalSorter[Any] = TopologicalSorter()
    complete = graph.complete
    for key, before in graph.entries.items():
        keys = [as_key(item) for item in before.items]
        complete = complete and all(isinstance(item, Const) for item in before.items)
        spend(1 + len(keys))
        sorter.add(
            key, *(key for key, item in zip(keys, before.items, strict=True) if isinstance(item, Const))
        )
    try:
        return Items([from_key(key) for key in sorter.static_order()], complete)
    except CycleError:
        return Items([], complete=False)
