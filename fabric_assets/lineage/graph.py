"""The graph of notebooks: who reads what another writes, cycles, races."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from fabric_assets.lineage.config import AllowRule, IgnoreRule
from fabric_assets.lineage.results import NotebookLineage
from fabric_assets.lineage.tables import Table

RaceKind = Literal["write-write", "read-write"]
Order = Iterable[tuple[str, str]]


@dataclass(frozen=True, order=True)
class Edge:
    """``downstream`` reads ``table``, which ``upstream`` writes."""

    upstream: str
    downstream: str
    table: Table

    def to_json(self) -> dict[str, str]:
        """As in ``fabric-assets lineage --json``."""
        return {"upstream": self.upstream, "downstream": self.downstream, "table": str(self.table)}


@dataclass(frozen=True)
class Cycle:
    """Notebooks that wait for each other; the last one is upstream of the first."""

    edges: tuple[Edge, ...]

    @property
    def notebooks(self) -> tuple[str, ...]:
        """The notebooks in order, each once."""
        return tuple(edge.upstream for edge in self.edges)

    def __str__(self) -> str:
        steps = [f"{edge.upstream} -> ({edge.table})" for edge in self.edges]
        path = " -> ".join([*steps, self.edges[0].upstream])
        last = self.edges[-1]
        return (
            f"cycle: {path}. Break it in the configuration's `lineage` section: `ignore: [{{upstream: {last.upstream}, "
            f"downstream: {last.downstream}, table: {last.table}}}]` leaves that dependency out"
        )


@dataclass(frozen=True)
class Race:
    """Notebooks that write one table, or read what another writes, with no order between them.

    Attributes:
        allowed: why it is accepted, empty if it is not.
    """

    kind: RaceKind
    table: Table
    notebooks: tuple[str, ...]
    allowed: str = ""

    def to_json(self) -> dict[str, Any]:
        """As in ``fabric-assets lineage --json``."""
        return {"kind": self.kind, "table": str(self.table), "notebooks": list(self.notebooks)}

    def __str__(self) -> str:
        who = ", ".join(self.notebooks)
        if self.kind == "write-write":
            return f"race: {who} write {self.table} with no order between them"
        return f"race: {self.notebooks[0]} reads {self.table} while {', '.join(self.notebooks[1:])} may be writing it"


@dataclass(frozen=True)
class Graph:
    """The notebooks of a workspace and what connects them.

    Attributes:
        notebooks: lineage of each notebook by its name in the graph (the path where a name comes twice).
        edges: dependencies, sorted.
        cycles: one for each group of notebooks that wait for each other.
        external: tables that are read and that no notebook here writes.
        orchestrators: notebooks that only call others.
        races: races that are not allowed; ``allowed_races``: the others.
    """

    notebooks: Mapping[str, NotebookLineage]
    edges: tuple[Edge, ...]
    cycles: tuple[Cycle, ...]
    external: tuple[Table, ...]
    orchestrators: tuple[str, ...]
    races: tuple[Race, ...]
    allowed_races: tuple[Race, ...] = ()
    allow: tuple[AllowRule, ...] = field(default=(), repr=False)

    def upstream_of(self, notebook: str) -> tuple[str, ...]:
        """Notebooks that the notebook depends on, sorted."""
        return tuple(sorted({edge.upstream for edge in self.edges if edge.downstream == notebook}))

    def races_in(self, order: Order, notebooks: Iterable[str] | None = None) -> tuple[Race, ...]:
        """The races of a job with an order of its own.

        Args:
            order: (earlier, later) pairs; only these count, not the derived dependencies.
            notebooks: the notebooks of the job; default: all but the orchestrators.

        Returns:
            Races that are not allowed.
        """
        chosen = set(notebooks) if notebooks is not None else set(self.notebooks) - set(self.orchestrators)
        members = {name: lineage for name, lineage in self.notebooks.items() if name in chosen}
        found = _races(members, list(order))
        return tuple(race for race in found if not _reason(race, self.allow))


def build_graph(
    notebooks: Iterable[NotebookLineage],
    *,
    allow: Iterable[AllowRule] = (),
    ignore: Iterable[IgnoreRule] = (),
    order: Order | None = None,
) -> Graph:
    """Connect notebooks by the tables that they read and write.

    Args:
        notebooks: lineage of the notebooks.
        allow: races that are accepted.
        ignore: dependencies that are left out.
        order: (earlier, later) pairs against which races are checked; default: the derived dependencies.
    """
    nodes = _named(notebooks)
    ignored = tuple(ignore)
    edges = tuple(edge for edge in _edges(nodes) if not is_ignored(edge, ignored))
    written = {table for lineage in nodes.values() for table in lineage.writes}
    external = {table for lineage in nodes.values() for table in lineage.reads} - written
    orchestrators = tuple(sorted(name for name, lineage in nodes.items() if lineage.is_orchestrator))
    pairs = [(edge.upstream, edge.downstream) for edge in edges] if order is None else list(order)
    rules = tuple(allow)
    races, allowed = [], []
    for race in _races(nodes, pairs):
        reason = _reason(race, rules)
        if reason:
            allowed.append(Race(race.kind, race.table, race.notebooks, reason))
        else:
            races.append(race)
    return Graph(
        nodes,
        edges,
        _cycles(edges),
        tuple(sorted(external)),
        orchestrators,
        tuple(races),
        tuple(allowed),
        rules,
    )


def _named(notebooks: Iterable[NotebookLineage]) -> dict[str, NotebookLineage]:
    listed = list(notebooks)
    counted: dict[str, int] = defaultdict(int)
    for lineage in listed:
        counted[lineage.name] += 1
    nodes: dict[str, NotebookLineage] = {}
    for lineage in listed:
        name = lineage.name
        if counted[name] > 1:
            name = f"{lineage.workspace}/{name}" if lineage.workspace else lineage.path
        nodes[name if name not in nodes else lineage.path] = lineage
    return nodes


def _edges(nodes: Mapping[str, NotebookLineage]) -> list[Edge]:
    writers: dict[Table, list[str]] = defaultdict(list)
    for name, lineage in nodes.items():
        for table in lineage.writes:
            if table.lakehouse:  # else the same name may be another table
                writers[table].append(name)
    needs = {name: set(lineage.needs) for name, lineage in nodes.items()}
    edges = []
    for name, tables in needs.items():
        for table in tables:
            for writer in writers.get(table, ()):
                if (
                    writer == name
                    or _includes(nodes[name], nodes[writer])
                    or _includes(nodes[writer], nodes[name])
                ):
                    continue
                # Two notebooks that both read and write the table have no order by it: that is a race.
                if table in needs[writer] and name in writers[table]:
                    continue
                edges.append(Edge(writer, name, table))
    return sorted(edges)


def _includes(caller: NotebookLineage, helper: NotebookLineage) -> bool:
    wanted = helper.name.lower()
    return any(name.rpartition("/")[2].lower() == wanted for name in caller.includes)


def is_ignored(edge: Edge, rules: Sequence[IgnoreRule]) -> bool:
    """Whether one of the rules leaves the dependency out."""
    return any(
        rule.upstream in ("", edge.upstream)
        and rule.downstream in ("", edge.downstream)
        and rule.table.lower() in ("", str(edge.table))
        for rule in rules
    )


def _reason(race: Race, rules: Iterable[AllowRule]) -> str:
    for rule in rules:
        is_table = rule.table.lower() in ("", str(race.table))
        if is_table and (not rule.notebooks or set(race.notebooks) <= set(rule.notebooks)):
            return rule.reason
    return ""


# -- cycles


def _cycles(edges: Sequence[Edge]) -> tuple[Cycle, ...]:
    following: dict[str, dict[str, Edge]] = defaultdict(dict)
    for edge in edges:
        following[edge.upstream].setdefault(edge.downstream, edge)
    cycles = []
    for group in _components(following):
        members = set(group)
        cycles.append(_shortest_cycle(min(group), members, following))
    return tuple(sorted(cycles, key=lambda cycle: cycle.notebooks))


def _components(following: Mapping[str, Mapping[str, Edge]]) -> list[list[str]]:
    """Groups of two or more nodes that reach each other (Tarjan, without recursion)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    on_stack: set[str] = set()
    groups: list[list[str]] = []
    for root in sorted(following):
        if root in index:
            continue
        work = [(root, iter(sorted(following.get(root, ()))))]
        index[root] = low[root] = len(index)
        stack.append(root)
        on_stack.add(root)
        while work:
            node, rest = work[-1]
            for following_node in rest:
                if following_node not in index:
                    index[following_node] = low[following_node] = len(index)
                    stack.append(following_node)
                    on_stack.add(following_node)
                    work.append((following_node, iter(sorted(following.get(following_node, ())))))
                    break
                if following_node in on_stack:
                    low[node] = min(low[node], index[following_node])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == index[node]:
                    group = []
                    while True:
                        member = stack.pop()
                        on_stack.discard(member)
                        group.append(member)
                        if member == node:
                            break
                    if len(group) > 1:
                        groups.append(group)
    return groups


def _shortest_cycle(start: str, members: set[str], following: Mapping[str, Mapping[str, Edge]]) -> Cycle:
    came: dict[str, Edge] = {}
    queue = deque([start])
    while queue:
        node = queue.popleft()
        for name, edge in following.get(node, {}).items():
            if name not in members or name in came:
                continue
            came[name] = edge
            if name == start:
                queue.clear()
                break
            queue.append(name)
    path = [came[start]]
    while path[-1].upstream != start:
        path.append(came[path[-1].upstream])
    return Cycle(tuple(reversed(path)))


# -- races


def _races(nodes: Mapping[str, NotebookLineage], order: Sequence[tuple[str, str]]) -> list[Race]:
    is_ordered = _Ordered(order)
    writers: dict[Table, set[str]] = defaultdict(set)
    readers: dict[Table, set[str]] = defaultdict(set)
    for name, lineage in nodes.items():
        for table in (*lineage.writes, *lineage.drops):
            if table.lakehouse:
                writers[table].add(name)
        for table in lineage.reads:
            readers[table].add(name)

    def apart(left: str, right: str) -> bool:
        return (
            left != right
            and not is_ordered(left, right)
            and not _includes(nodes[left], nodes[right])
            and not _includes(nodes[right], nodes[left])
        )

    races: list[Race] = []
    for table, names in sorted(writers.items()):
        involved = {n for n in names if any(apart(n, other) for other in names)}
        if involved:
            races.append(Race("write-write", table, tuple(sorted(involved))))
        for reader in sorted(readers.get(table, set()) - names):
            against = sorted(writer for writer in names if apart(reader, writer))
            if against:
                races.append(Race("read-write", table, (reader, *against)))
    return races


class _Ordered:
    """Whether one of two notebooks comes before the other."""

    def __init__(self, order: Sequence[tuple[str, str]]) -> None:
        self._following: dict[str, set[str]] = defaultdict(set)
        for earlier, later in order:
            self._following[earlier].add(later)
        self._reached: dict[str, set[str]] = {}

    def __call__(self, left: str, right: str) -> bool:
        return right in self._after(left) or left in self._after(right)

    def _after(self, start: str) -> set[str]:
        reached = self._reached.get(start)
        if reached is None:
            reached = set()
            queue = [start]
            while queue:
                for name in self._following.get(queue.pop(), ()):
                    if name not in reached:
                        reached.add(name)
                        queue.append(name)
            self._reached[start] = reached
        return reached
