"""The ways through a notebook that its source does not decide: followed apart, and merged into what is certain."""

import ast
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from fabric_assets.importers.notebook_state import State, merged, perhaps
from fabric_assets.importers.notebook_values import LATER, Maybe, Plain, Undecided, gap_of, parts_of, source
from fabric_assets.lineage.calls import invoke
from fabric_assets.lineage.expressions import evaluate
from fabric_assets.lineage.interpreter import Flow, Interpreter
from fabric_assets.lineage.session import session_without_tables
from fabric_assets.lineage.values import Function, Items, Mapping, Scope, Unknown


class NotebookEndsError(Exception):
    """``notebook.exit`` was called: what stands behind it never runs."""


class Calls(Protocol):
    """Notes what the notebook starts, and in which order.

    Attributes:
        frontier: numbers of the calls that the next one follows.
        pool_sizes: sizes of the thread pools that start notebooks.
    """

    frontier: list[int]
    pool_sizes: set[int]

    def notebook_function(self, name: str, node: ast.AST, args: list[Any], options: dict[str, Any]) -> Any:
        """A function of ``notebookutils.notebook`` is called; gives what it returns."""
        ...

    def include(self, target: str, where: str) -> None:
        """A notebook is included by ``%run`` with this text behind it."""
        ...

    def decided(self, taken: list[ast.stmt], other: list[ast.stmt], test: str) -> None:
        """Of two branches one is taken, as the test is decided."""
        ...

    def not_worked_out(self, statement: ast.AST, gap: Undecided) -> None:
        """A part is left out; what it starts is a gap."""
        ...


class Ways(Interpreter):
    """Lineage's interpreter, but with each way followed apart where a condition is not known.

    Args:
        calls: notes what the notebook starts.
        statements: what each kind of statement does.
        budget: how much is worked out, in steps of about ten microseconds.

    Attributes:
        doubt: why it is not known how often what is followed now happens.
        reasons: why there may be more in a list or dictionary.
    """

    def __init__(self, calls: Calls, statements: dict[type, Callable[[Any, Any], Flow]], budget: int) -> None:
        super().__init__(session_without_tables(budget), evaluate, statements, invoke, self._include)
        self.calls = calls
        self.doubt: Undecided | None = None
        self.reasons: dict[Any, Undecided] = {}
        self._frames = [self.scope]
        self._condition: str | None = None
        self._late: list[tuple[Scope, str, Flow]] = []
        self._loop_in_doubt: Undecided | None = None
        self._gaps: list[
            Undecided | None
        ] = []  # for each expression under way: the first part that is not known
        self._place, self._first_line = "", 0
        self._homes: dict[ast.AST, tuple[str, int]] = {}

    def run_cell(self, tree: ast.Module, place: str, first_line: int) -> None:
        """Execute a cell.

        Args:
            tree: its syntax tree.
            place: the cell, for messages.
            first_line: what to add to its line numbers, for messages.

        Raises:
            NotebookEndsError: the notebook ends in this cell.
            BudgetExceededError: it computes too much.
        """
        self._place, self._first_line = place, first_line
        if self.run(tree.body) is Flow.EXIT:
            raise NotebookEndsError

    @contextmanager
    def included(self) -> Iterator[None]:
        """Cells that run in this context are those of a notebook that ``%run`` includes."""
        place, scope, stack = (self._place, self._first_line), self.enter(self.scope.root()), self.call_stack
        self.call_stack = []
        try:
            yield
        finally:
            self.call_stack = stack
            self.enter(scope)
            self._place, self._first_line = place

    def _include(self, _: Interpreter, target: str) -> None:
        """A notebook is included by ``%run`` with this text behind it."""
        raise NotImplementedError

    # -- for messages

    def where(self, node: ast.AST) -> str:
        """The place of a node for a person."""
        place, first_line = self._home()
        line = getattr(node, "lineno", 0) + first_line
        return f"{place}, line {line}" if place else f"line {line}"

    def _home(self) -> tuple[str, int]:
        inner = self._homes.get(self.call_stack[-1]) if self.call_stack else None
        return inner or (self._place, self._first_line)

    def make_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> Function:
        """The function as a value; its place is kept."""
        self._homes[node] = self._home()
        return super().make_function(node, name)

    def undecided(self, node: ast.AST, reason: str) -> Undecided:
        """A value that is not known, with its place."""
        return Undecided(reason, where=self.where(node))

    def plain(self, value: Any, node: ast.AST) -> Any:
        """Plain Python of a value, with an ``Undecided`` for what is not known."""
        return Plain(self.where(node), self.reasons).of(value)

    # -- conditions and doubts

    @property
    def condition(self) -> str | None:
        """Why what is followed now may not happen at all, ``None`` if it does happen."""
        late = [reason for scope, reason, _ in self._late if any(scope is frame for frame in self._frames)]
        return self._condition or (late[-1] if late else None)

    def enter(self, scope: Scope) -> Scope:
        """Make a scope current; the former one is returned."""
        if len(self._frames) > 1 and scope is self._frames[-2]:
            self._frames.pop()
        else:
            self._frames.append(scope)
        return super().enter(scope)

    def spend(self, steps: int) -> None:
        """Count work.

        Raises:
            BudgetExceededError: it was too much.
        """
        self.session.steps += steps
        self.session.step()

    def _state(self) -> State:
        state = State([*self._frames, self.scope])
        self.spend(state.size // 10)
        return state

    def may_have_more(self, values: Iterable[Any], gap: Undecided) -> None:
        """Lists and dictionaries to which something may have been added."""
        for value in values:
            if isinstance(value, Items | Mapping):
                value.complete = False
                self.reasons.setdefault(value, gap)

    def branch(self, bodies: Sequence[Callable[[], Flow]], branching: int | None = None) -> Flow:
        """Follow several ways of which it is not known which one is taken."""
        return self.either(Undecided(f"it depends on a value that is {LATER}", where=self._place), bodies)

    def either(
        self, gap: Undecided, bodies: Sequence[Callable[[], Flow]], *, keep_first: bool = False
    ) -> Flow:
        """Follow several ways of which the notebook takes one, and keep what is known behind all of them.

        Args:
            gap: why it is not known which one.
            bodies: the ways.
            keep_first: keep what is known behind the first; of the others only their calls count.
        """
        state = self._state()
        condition, start = self._condition, list(self.calls.frontier)
        returned, yielded = len(self.returned), len(self.yielded)
        self._condition = gap.reason
        ends = []
        try:
            for body in bodies:
                self.calls.frontier = list(start)
                flow = self._followed(body)
                values = [value for _, value in self.returned[returned:]]
                ends.append((flow, state.changes(), self.calls.frontier, values))
                del self.returned[returned:]
                state.restore()
        finally:
            self._condition = condition
        self.yielded[yielded:] = [perhaps(value, gap) for value in self.yielded[yielded:]]
        going = [end for end in ends if end[0] not in (Flow.RAISE, Flow.EXIT)]
        if not going:
            if all(flow is Flow.EXIT for flow, *_ in ends):
                raise NotebookEndsError
            return Flow.RAISE
        if keep_first and going[0] is ends[0]:
            going = going[:1]
        state.apply([changes for _, changes, _, _ in going], gap)
        self.calls.frontier = list(dict.fromkeys(number for _, _, last, _ in going for number in last))
        return self._left(
            gap, [flow for flow, *_ in going], [value for *_, values in going for value in values]
        )

    def _followed(self, body: Callable[[], Flow]) -> Flow:
        try:
            return body()
        except NotebookEndsError:
            return Flow.EXIT

    def _left(self, gap: Undecided, flows: list[Flow], values: list[Any]) -> Flow:
        """How the ways go on that were followed side by side."""
        if len(set(flows)) == 1:
            if values:
                result = values[0]
                for value in values[1:]:
                    result = merged(result, value, gap)
                self.returned.append((frozenset(), result))
            return flows[0]
        if values:
            self.returned.append((frozenset(), gap))
        if Flow.BREAK in flows:
            self._loop_in_doubt = gap
            return Flow.BREAK
        # The function, or this round of the loop, may have ended.
        self._late += [
            (self.scope, gap.reason, flow) for flow in (Flow.RETURN, Flow.CONTINUE) if flow in flows
        ]
        return Flow.NEXT if Flow.NEXT in flows else Flow.CONTINUE

    @contextmanager
    def in_doubt(self, value: Any) -> Iterator[None]:
        """What is followed in this context may happen any number of times, or never: that depends on the value."""
        reason = gap_of(value, "").reason
        with self.often(Undecided(f"how often it happens is {LATER}: {reason}", where=self._place)):
            yield

    @contextmanager
    def often(self, gap: Undecided) -> Iterator[None]:
        """What is followed in this context may happen any number of times, or never."""
        state = self._state()
        doubt, start, leaving = self.doubt, list(self.calls.frontier), self._loop_in_doubt
        returned, yielded = len(self.returned), len(self.yielded)
        self.doubt = doubt or gap
        try:
            yield
        except NotebookEndsError:
            pass
        finally:
            self.doubt = doubt
        changes = state.changes()
        state.restore()
        self.may_have_more(state.spoil(changes, gap), gap)
        self.calls.frontier = start
        if len(self.returned) > returned:
            self.returned[returned:] = [(frozenset(), gap)]
            self._late.append((self.scope, gap.reason, Flow.RETURN))
        if len(self.yielded) > yielded:
            self.yielded[yielded:] = []
            self.yielded_all = False
        self._loop_in_doubt = leaving

    def perhaps(self, item: Any, value: Any) -> Any:
        """An item of a collection that is in it or not, as the value decides."""
        return perhaps(item, gap_of(value, self._place))

    def item_of(self, item: Any) -> tuple[Any, Any | None]:
        """An item of a collection, and why it is not known whether it is there (``None``: it is)."""
        if not isinstance(item, Maybe):
            return item, None
        return item.value, Undecided(item.reason, where=self._place)

    def decided(self, value: Any) -> bool | None:
        """Whether a condition holds, ``None`` if that depends on the run."""
        parts = parts_of(value)
        return None if parts and all(isinstance(part, Maybe) for part in parts) else super().decided(value)

    def iterate(self, value: Any) -> tuple[list[Any], bool]:
        """The items of a value, and whether there are no more."""
        items, complete = super().iterate(value)
        if isinstance(value, Mapping):
            entries = zip(items, parts_of(value), strict=True)
            items = [
                Maybe(held.reason, value=key) if isinstance(held, Maybe) else key for key, held in entries
            ]
        return items, complete

    # -- statements

    def run(self, statements: Iterable[ast.stmt]) -> Flow:
        """Run statements one after the other; how they end."""
        body = list(statements)
        for index, statement in enumerate(body):
            late = len(self._late)
            self.session.step()
            self._gaps.append(None)
            try:
                if isinstance(statement, ast.If):
                    flow, is_last = self._if(statement, body[index + 1 :])
                    if is_last:
                        return flow
                else:
                    flow = self._statement(statement)
            finally:
                self._gaps.pop()
            if flow is not Flow.NEXT:
                return flow
            ended = [entry for entry in self._late[late:] if entry[0] is self.scope]
            if ended and index + 1 < len(body):
                return self._rest(statement, body[index + 1 :], *ended[-1])
        return Flow.NEXT

    def _rest(self, node: ast.stmt, rest: list[ast.stmt], _: Scope, reason: str, left: Flow) -> Flow:
        """Follow the rest of a block that may have been left."""
        return self.either(self.undecided(node, reason), [lambda: self.run(rest), lambda: left])

    def known(self, test: ast.expr) -> bool | Undecided:
        """Whether a condition holds, or why that is not known."""
        value = self.evaluate(test)
        known = self.decided(value)
        if known is not None:
            return known
        reason = value.reason if isinstance(value, Unknown) else f"{source(test)} is {LATER}"
        return self.undecided(test, f"it depends on 'if {source(test)}': {reason}")

    def _if(self, node: ast.If, rest: list[ast.stmt]) -> tuple[Flow, bool]:
        """How an ``if`` ends, and whether the rest of the block was followed with it."""
        known = self.known(node.test)
        body, orelse = node.body, node.orelse
        if not isinstance(known, Undecided):
            taken, other = (body, orelse) if known else (orelse, body)
            self.calls.decided(taken, other, f"'{source(node.test)}' is {known}")
            return self.run(taken), False
        is_last = _leaves(body) != _leaves(orelse)
        if is_last and _leaves(body):
            orelse = [*orelse, *rest]  # what follows belongs to the branch that goes on
        elif is_last:
            body = [*body, *rest]
        return self.either(known, [lambda: self.run(body), lambda: self.run(orelse)]), is_last

    def round(self, body: list[ast.stmt]) -> Flow:
        """Follow the body of a loop once; ``Flow.NEXT`` if the loop goes on."""
        late = len(self._late)
        flow = self.run(body)
        if flow is Flow.CONTINUE:
            flow = Flow.NEXT
        self._late[late:] = [entry for entry in self._late[late:] if entry[2] is not Flow.CONTINUE]
        return flow

    def ends_in_doubt(self, again: Callable[[], Any]) -> None:
        """Behind a ``break`` that may have been taken or not: the rest of the loop may have happened."""
        gap, self._loop_in_doubt = self._loop_in_doubt, None
        if gap is not None:
            with self.often(gap):
                again()


def _leaves(body: list[ast.stmt]) -> bool:
    """Whether a block ends by leaving the function or the loop around it."""
    return bool(body) and isinstance(body[-1], ast.Return | ast.Break | ast.Continue)
