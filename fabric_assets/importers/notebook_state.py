"""What a notebook's variables hold before and after two ways through it, and what is known behind both."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from fabric_assets.importers.notebook_values import Maybe, Undecided
from fabric_assets.lineage.collection_calls import equal
from fabric_assets.lineage.possibilities import same
from fabric_assets.lineage.values import (
    Bound,
    ClassValue,
    Const,
    Decorated,
    FieldFactory,
    Function,
    Instance,
    Items,
    Mapping,
    Partial,
    Scope,
)

Content = tuple[Any, bool]
"""The items or entries of something that can change, and whether there are no more."""

Changes = dict[int, Content]
"""Contents by ids of what has changed."""


class State:
    """All that can be changed from some scopes, with its contents now.

    Args:
        scopes: where names are looked up.
    """

    def __init__(self, scopes: Iterable[Scope]) -> None:
        self._owners: dict[int, Any] = {}
        self._before: dict[int, Content] = {}
        self.size = 0
        todo: list[Any] = list(scopes)
        while todo:
            value = todo.pop()
            if isinstance(value, _CHANGING):
                if id(value) in self._owners:
                    continue
                self._owners[id(value)] = value
                held, complete = _content(value)
                self._before[id(value)] = (held.copy(), complete)
                self.size += 1 + len(held)
            todo += [part for part in _parts(value) if not isinstance(part, Const)]

    def changes(self) -> Changes:
        """What has changed since the start."""
        found: Changes = {}
        for number, owner in self._owners.items():
            now, before = _content(owner), self._before[number]
            if not _is_same(now, before):
                found[number] = (now[0].copy(), now[1])
        return found

    def restore(self) -> None:
        """Give everything the contents that it had at the start."""
        for number in self.changes():
            held, complete = self._before[number]
            _set_content(self._owners[number], (held.copy(), complete))

    def apply(self, ends: Sequence[Changes], gap: Undecided) -> None:
        """Go on with what is known behind one of several ways: what they agree on."""
        pairs: dict[tuple[int, int], Any] = {}
        for number in {number for changes in ends for number in changes}:
            contents = [changes.get(number, self._before[number]) for changes in ends]
            held, complete = contents[0]
            for other, is_whole in contents[1:]:
                merge = _merge_of(self._owners[number])
                held, complete = merge(held, other, gap, pairs), complete and is_whole
            _set_content(self._owners[number], (held, complete))

    def spoil(self, changes: Changes, gap: Undecided) -> list[Any]:
        """Go on without what was changed, as it may have happened never or often; gives what may now hold more."""
        spoiled = []
        for number, (after, _) in changes.items():
            owner = self._owners[number]
            before, _ = self._before[number]
            held: Any
            if isinstance(before, dict):
                names = [*before, *after] if not isinstance(owner, Mapping) else list(before)
                held = {
                    name: before[name]
                    if name in before and name in after and before[name] is after[name]
                    else gap
                    for name in names
                }
            else:
                kept = zip(before, after, strict=False) if len(after) >= len(before) else ()
                held = [one if one is other else gap for one, other in kept]
            _set_content(owner, (held, not isinstance(owner, Items | Mapping)))
            if isinstance(owner, Items | Mapping):
                spoiled.append(owner)
        return spoiled


_CHANGING = (Items, Mapping, Instance, ClassValue, Scope)


def _content(owner: Any) -> Content:
    if isinstance(owner, Items):
        return owner.items, owner.complete
    if isinstance(owner, Mapping):
        return owner.entries, owner.complete
    return owner.names if isinstance(owner, Scope) else owner.attributes, True


def _set_content(owner: Any, content: Content) -> None:
    held, complete = content
    if isinstance(owner, Items):
        owner.items, owner.complete = held, complete
    elif isinstance(owner, Mapping):
        owner.entries, owner.complete = held, complete
    elif isinstance(owner, Scope):
        owner.names = held
    else:
        owner.attributes = held


def _parts(value: Any) -> Iterator[Any]:
    if isinstance(value, Items):
        yield from value.items
    elif isinstance(value, Mapping):
        yield from value.entries.values()
    elif isinstance(value, Instance):
        yield from value.attributes.values()
        yield value.cls
    elif isinstance(value, ClassValue):
        yield from value.attributes.values()
        yield from value.bases
    elif isinstance(value, Scope):
        yield from value.names.values()
        yield value.outer
    elif isinstance(value, Function):
        yield value.scope
        yield from value.defaults.values()
    elif isinstance(value, Partial):
        yield value.function
        yield from value.arguments
        yield from (entry for _, entry in value.keywords)
        yield value.original if isinstance(value, Decorated) else None
    elif isinstance(value, Bound):
        yield value.owner
    elif isinstance(value, Maybe):
        yield value.value
    elif isinstance(value, FieldFactory):
        yield value.function


def _is_same(one: Content, other: Content) -> bool:
    (held, complete), (held_before, was_complete) = one, other
    if complete != was_complete or len(held) != len(held_before):
        return False
    if isinstance(held, dict):
        return all(
            a == b and x is y for (a, x), (b, y) in zip(held.items(), held_before.items(), strict=True)
        )
    return all(x is y for x, y in zip(held, held_before, strict=True))


def merged(one: Any, other: Any, gap: Undecided, pairs: dict[tuple[int, int], Any] | None = None) -> Any:
    """What is known when either of two values can be it: equal parts stay, others become ``gap``.

    Args:
        one: a value.
        other: another one.
        gap: why it is not known which.
        pairs: what became of pairs that were seen, by their ids.
    """
    pairs = {} if pairs is None else pairs
    key = (id(one), id(other))
    if key in pairs:
        return pairs[key]
    if same(one, other):
        return one
    result: Any
    if isinstance(one, Items) and isinstance(other, Items) and one.kind == other.kind:
        result = pairs[key] = Items([], one.complete and other.complete, one.kind)
        result.items = _merge_of(one)(one.items, other.items, gap, pairs)
        return result
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        result = pairs[key] = Mapping({}, one.complete and other.complete)
        result.entries = _merged_mapping(one.entries, other.entries, gap, pairs)
        return result
    if isinstance(one, Instance) and isinstance(other, Instance) and one.cls is other.cls:
        result = pairs[key] = Instance({}, one.cls)
        result.attributes = _merged_entries(one.attributes, other.attributes, gap, pairs)
        return result
    return gap


def _merge_of(owner: Any) -> Callable[..., Any]:
    if isinstance(owner, Mapping):
        return _merged_mapping
    if not isinstance(owner, Items):
        return _merged_entries
    return _merged_set if owner.kind == "set" else _merged_items


def _merged_entries(
    one: dict[Any, Any], other: dict[Any, Any], gap: Undecided, pairs: dict[tuple[int, int], Any]
) -> dict[Any, Any]:
    return {
        name: merged(one[name], other[name], gap, pairs) if name in one and name in other else gap
        for name in dict.fromkeys([*one, *other])
    }


def _merged_mapping(
    one: dict[Any, Any], other: dict[Any, Any], gap: Undecided, pairs: dict[tuple[int, int], Any]
) -> dict[Any, Any]:
    return {
        name: _merged_item(one[name], other[name], gap, pairs)
        if name in one and name in other
        else perhaps(one.get(name, other.get(name)), gap)
        for name in dict.fromkeys([*one, *other])
    }


def _merged_items(
    one: list[Any], other: list[Any], gap: Undecided, pairs: dict[tuple[int, int], Any]
) -> list[Any]:
    long, brief = (one, other) if len(one) >= len(other) else (other, one)
    both = [_merged_item(a, b, gap, pairs) for a, b in zip(long, brief, strict=False)]
    return [*both, *(perhaps(item, gap) for item in long[len(brief) :])]


def _merged_item(one: Any, other: Any, gap: Undecided, pairs: dict[tuple[int, int], Any]) -> Any:
    doubtful = next((item for item in (one, other) if isinstance(item, Maybe)), None)
    if doubtful is None or one is other:
        return merged(one, other, gap, pairs)
    values = [item.value if isinstance(item, Maybe) else item for item in (one, other)]
    return Maybe(doubtful.reason, value=merged(values[0], values[1], gap, pairs))


def _merged_set(
    one: list[Any], other: list[Any], gap: Undecided, pairs: dict[tuple[int, int], Any]
) -> list[Any]:
    found = [item if any(equal(item, o) for o in other) else perhaps(item, gap) for item in one]
    return [*found, *(perhaps(item, gap) for item in other if not any(equal(item, o) for o in one))]


def perhaps(item: Any, gap: Undecided) -> Any:
    """An item that may not be there."""
    return item if isinstance(item, Maybe) else Maybe(gap.reason, value=item)
