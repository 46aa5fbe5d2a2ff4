"""Follows the statements of Python cells in program order, with what is known about each name."""

import ast
from collections.abc import Callable, Iterable, Sequence
from enum import Enum, auto
from itertools import count
from typing import Any

from fabric_assets.lineage.session import Session
from fabric_assets.lineage.values import (
    ClassValue,
    Const,
    Function,
    Instance,
    Items,
    Lib,
    Mapping,
    Never,
    OneOf,
    Scope,
    Unknown,
    one_of,
    options_of,
)

MAX_ITERATIONS = 300
MAX_DEPTH = 25


class Flow(Enum):
    """How a block of statements ends."""

    NEXT = auto()
    BREAK = auto()
    CONTINUE = auto()
    RETURN = auto()
    RAISE = auto()
    EXIT = auto()


class Interpreter:
    """Runs statements on abstract values.

    Attributes:
        session: takes the notes.
        scope: the names that are visible now.
        run_notebook: follows ``%run``: takes name and parameters.
    """

    def __init__(
        self,
        session: Session,
        evaluate: Callable[["Interpreter", ast.expr], Any],
        run_notebook: Callable[["Interpreter", str], None],
    ) -> None:
        self.session = session
        self.scope = Scope({})
        self.run_notebook = run_notebook
        self.returned: list[tuple[Any, Any]] = []
        self.yielded: list[Any] = []
        self.call_stack: list[ast.AST] = []
        self.owners: list[ClassValue | None] = []
        self.pinned = 0  # inside a function or a notebook that was included: the line of the call counts
        self.first_line = 1
        self._evaluate = evaluate
        self._branchings = count(1)
        self._conditions: dict[tuple[Any, ...], tuple[int, list[Any]]] = {}
        self._loop_depth = 0

    # -- names

    def evaluate(self, node: ast.expr) -> Any:
        """The value of an expression."""
        self.session.step()
        if not self.pinned:
            self.session.line = self.first_line + node.lineno - 1
        return self._evaluate(self, node)

    def lookup(self, name: str) -> Any | None:
        """The value of a name, ``None`` if it has none."""
        scope: Scope | None = self.scope
        while scope is not None:
            if name in scope.names and not (name in scope.globals_declared and scope.outer is not None):
                return self._still_possible(scope.names[name])
            scope = scope.outer
        return None

    def _still_possible(self, value: Any) -> Any:
        if not isinstance(value, OneOf) or not self.session.branches:
            return value
        taken = self.session.branches
        options = [
            (guard, option)
            for guard, option in value.options
            if all(taken.get(branching, branch) == branch for branching, branch in guard)
        ]
        return one_of(options) if options else value

    def bind(self, name: str, value: Any) -> None:
        """Give a name a value."""
        if name in self.scope.globals_declared:
            self.scope.root().names[name] = value
        else:
            self.scope.names[name] = value

    def assign(self, target: ast.expr, value: Any) -> None:
        """Give the target of an assignment a value."""
        if isinstance(target, ast.Name):
            self.bind(target.id, value)
        elif isinstance(target, ast.Tuple | ast.List):
            self._unpack(target.elts, value)
        elif isinstance(target, ast.Starred):
            self.assign(target.value, value)
        elif isinstance(target, ast.Attribute):
            owner = self.evaluate(target.value)
            for _, option in options_of(owner):
                if isinstance(option, Instance | ClassValue):
                    option.attributes[target.attr] = value
        elif isinstance(target, ast.Subscript):
            self._store(self.evaluate(target.value), self.evaluate(target.slice), value)

    def _store(self, owner: Any, key: Any, value: Any) -> None:
        for _, option in options_of(owner):
            if isinstance(option, Mapping):
                if isinstance(key, Const) and _hashable(key.value):
                    option.entries[key.value] = value
                else:
                    option.complete = False
            elif isinstance(option, Items):
                if (
                    isinstance(key, Const)
                    and type(key.value) is int
                    and -len(option.items) <= key.value < len(option.items)
                ):
                    option.items[key.value] = value
                else:
                    option.complete = False

    def _unpack(self, targets: Sequence[ast.expr], value: Any) -> None:
        columns: list[list[tuple[Any, Any]]] = [[] for _ in targets]
        for guard, option in options_of(value):
            for position, part in enumerate(_parts(targets, option)):
                columns[position].append((guard, part))
        for target, parts in zip(targets, columns, strict=True):
            self.assign(target, one_of(parts))

    # -- statements

    def run(self, statements: Iterable[ast.stmt]) -> Flow:
        """Run statements one after the other; the kind of end of the last one that was reached."""
        for statement in statements:
            self.session.step()
            if not self.pinned:
                self.session.line = self.first_line + statement.lineno - 1
            flow = self._statement(statement)
            if flow is not Flow.NEXT:
                return flow
        return Flow.NEXT

    def _statement(self, node: ast.stmt) -> Flow:
        handler = _STATEMENTS.get(type(node))
        return handler(self, node) if handler is not None else Flow.NEXT

    def _expression(self, node: ast.Expr) -> Flow:
        return Flow.EXIT if isinstance(self.evaluate(node.value), Never) else Flow.NEXT

    def _assignment(self, node: ast.Assign) -> Flow:
        value = self.evaluate(node.value)
        if isinstance(value, Never):
            return Flow.EXIT
        for target in node.targets:
            self.assign(target, value)
        return Flow.NEXT

    def _annotated(self, node: ast.AnnAssign) -> Flow:
        if node.value is not None:
            self.assign(node.target, self.evaluate(node.value))
        return Flow.NEXT

    def _augmented(self, node: ast.AugAssign) -> Flow:
        load = ast.copy_location(_loaded(node.target), node.target)
        operation = ast.copy_location(ast.BinOp(load, node.op, node.value), node)
        owner = self.evaluate(load) if isinstance(node.op, ast.Add) else None
        if isinstance(owner, Items) and owner.kind == "list":
            added = self.evaluate(node.value)
            if isinstance(added, Items):
                owner.items.extend(added.items)
                owner.complete = owner.complete and added.complete
            else:
                owner.complete = False
            return Flow.NEXT
        self.assign(node.target, self.evaluate(operation))
        return Flow.NEXT

    def _return(self, node: ast.Return) -> Flow:
        value = self.evaluate(node.value) if node.value is not None else Const(None)
        guard = frozenset(self.session.branches.items())
        self.returned.append((guard, value))
        return Flow.RETURN

    def _function(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> Flow:
        self.bind(node.name, self.make_function(node, node.name))
        return Flow.NEXT

    def make_function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, name: str) -> Function:
        """The function as a value, its defaults evaluated now."""
        arguments = node.args
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults = {}
        if arguments.defaults:
            for argument, default in zip(
                positional[-len(arguments.defaults) :], arguments.defaults, strict=True
            ):
                defaults[argument.arg] = self.evaluate(default)
        for argument, keyword_default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if keyword_default is not None:
                defaults[argument.arg] = self.evaluate(keyword_default)
        decorators = getattr(node, "decorator_list", [])
        names = tuple(
            ast.unparse(d.func if isinstance(d, ast.Call) else d).rpartition(".")[2] for d in decorators
        )
        return Function(node, self.scope, name, defaults, decorators=names)

    def _class(self, node: ast.ClassDef) -> Flow:
        bases = tuple(self.evaluate(base) for base in node.bases)
        outer, self.scope = self.scope, Scope({}, self.scope)
        fields = tuple(
            entry.target.id
            for entry in node.body
            if isinstance(entry, ast.AnnAssign) and isinstance(entry.target, ast.Name)
        )
        try:
            self.run(node.body)
            names = self.scope.names
        finally:
            self.scope = outer
        inherited = tuple(f for base in bases if isinstance(base, ClassValue) for f in base.fields)
        value = ClassValue(node.name, names, bases, (*inherited, *(f for f in fields if f not in inherited)))
        for attribute in names.values():
            if isinstance(attribute, Function):
                attribute.owner = value
                attribute.scope = outer
        self.bind(node.name, value)
        return Flow.NEXT

    def _import(self, node: ast.Import) -> Flow:
        for alias in node.names:
            if alias.asname:
                self.bind(alias.asname, Lib(alias.name))
            else:
                top = alias.name.partition(".")[0]
                if not isinstance(self.lookup(top), Lib) or top not in ("notebookutils", "mssparkutils"):
                    self.bind(top, Lib(top))
        return Flow.NEXT

    def _import_from(self, node: ast.ImportFrom) -> Flow:
        module = node.module or ""
        for alias in node.names:
            if alias.name == "*":
                self.bind(f"*{module}", Lib(module))
                if module == "delta.tables":
                    self.bind("DeltaTable", Lib("delta.tables.DeltaTable"))
                elif module == "deltalake":
                    self.bind("DeltaTable", Lib("deltalake.DeltaTable"))
                    self.bind("write_deltalake", Lib("deltalake.write_deltalake"))
            elif alias.name in ("mssparkutils", "notebookutils"):
                self.bind(alias.asname or alias.name, Lib("notebookutils"))
            else:
                self.bind(alias.asname or alias.name, Lib(f"{module}.{alias.name}"))
        return Flow.NEXT

    def _delete(self, node: ast.Delete) -> Flow:
        for target in node.targets:
            if isinstance(target, ast.Name):
                self.scope.names.pop(target.id, None)
        return Flow.NEXT

    def _global(self, node: ast.Global) -> Flow:
        if self.scope.outer is not None:
            self.scope.globals_declared.update(node.names)
        return Flow.NEXT

    def _with(self, node: ast.With | ast.AsyncWith) -> Flow:
        for item in node.items:
            value = self.evaluate(item.context_expr)
            if item.optional_vars is not None:
                self.assign(item.optional_vars, value)
        return self.run(node.body)

    def _raise(self, node: ast.Raise) -> Flow:
        if node.exc is not None:
            self.evaluate(node.exc)
        return Flow.RAISE

    # -- branches

    def decided(self, value: Any) -> bool | None:
        """Whether a condition holds, ``None`` if that depends on the run."""
        results = set()
        for _, option in options_of(value):
            if isinstance(option, Const) and not option.overridable:
                results.add(bool(option.value))
            elif isinstance(option, Items | Mapping) and (option.complete or _size(option)):
                results.add(bool(_size(option)))
            elif isinstance(option, Function | ClassValue | Instance | Lib):
                results.add(True)
            else:
                return None
        return results.pop() if len(results) == 1 else None

    def _if(self, node: ast.If) -> Flow:
        condition = self.evaluate(node.test)
        decision = self.decided(condition)
        if decision is not None:
            return self.run(node.body if decision else node.orelse)
        return self.branch(
            [lambda: self.run(node.body), lambda: self.run(node.orelse)], self.branching(node.test)
        )

    def branching(self, test: ast.expr) -> int:
        """One number for the same condition on the same values, so that two ``if`` agree."""
        names = sorted({n.id for n in ast.walk(test) if isinstance(n, ast.Name)})
        if any(isinstance(n, ast.Call) for n in ast.walk(test)):
            return next(self._branchings)
        values = [self.lookup(name) for name in names]
        key = (ast.dump(test), *(id(value) for value in values))
        # The values are kept, or their ids could come again for others.
        number, _ = self._conditions.setdefault(key, (next(self._branchings), values))
        return number

    def branch(self, bodies: Sequence[Callable[[], Flow]], branching: int | None = None) -> Flow:
        """Follow several ways from here and put together what they lead to."""
        number = next(self._branchings) if branching is None else branching
        taken = self.session.branches
        if number in taken:
            return bodies[min(taken[number], len(bodies) - 1)]()
        root = self.scope.root()
        before, before_root = dict(self.scope.names), dict(root.names)
        views = dict(self.session.views)
        ends: list[tuple[int, Flow, dict[str, Any], dict[str, Any]]] = []
        all_views = dict(views)
        for position, body in enumerate(bodies):
            self.scope.names, root.names = dict(before), dict(before_root)
            if root is self.scope:
                root.names = self.scope.names
            self.session.views = dict(views)
            self.session.branches = {**taken, number: position}
            try:
                flow = body()
            finally:
                self.session.branches = taken
            ends.append((position, flow, self.scope.names, root.names))
            all_views.update(self.session.views)
        self.session.views = all_views
        going = [end for end in ends if end[1] is Flow.NEXT] or ends
        self.scope.names = self._merged(number, before, [(p, names) for p, _, names, _ in going])
        if root is self.scope:
            root.names = self.scope.names
        else:
            root.names = self._merged(number, before_root, [(p, names) for p, _, _, names in going])
        flows = {flow for _, flow, _, _ in ends}
        if Flow.NEXT in flows:
            return Flow.NEXT
        for flow in (Flow.CONTINUE, Flow.BREAK, Flow.RETURN, Flow.RAISE):
            if flow in flows:
                return flow
        return Flow.EXIT

    def _merged(
        self, number: int, before: dict[str, Any], branches: list[tuple[int, dict[str, Any]]]
    ) -> dict[str, Any]:
        if len(branches) == 1:
            return branches[0][1]
        merged: dict[str, Any] = {}
        for _, names in branches:
            for name in names:
                if name in merged:
                    continue
                values = [(position, other[name]) for position, other in branches if name in other]
                first = values[0][1]
                if all(value is first for _, value in values):
                    merged[name] = first
                else:
                    merged[name] = one_of([(frozenset({(number, p)}), value) for p, value in values])
        return merged

    def _match(self, node: ast.Match) -> Flow:
        subject = self.evaluate(node.subject)
        bodies: list[Callable[[], Flow]] = []
        exhaustive = False
        for case in node.cases:
            pattern = case.pattern
            if isinstance(pattern, ast.MatchValue) and isinstance(subject, Const) and not subject.overridable:
                value = self.evaluate(pattern.value)
                if isinstance(value, Const) and value.value != subject.value:
                    continue
                if isinstance(value, Const) and case.guard is None and not bodies:
                    return self.run(case.body)
            exhaustive = isinstance(pattern, ast.MatchAs) and pattern.pattern is None and case.guard is None
            bodies.append(lambda case=case: self._case(case, subject))  # type: ignore[misc]
        if not exhaustive:
            bodies.append(lambda: Flow.NEXT)
        return self.branch(bodies)

    def _case(self, case: ast.match_case, subject: Any) -> Flow:
        for node in ast.walk(case.pattern):
            if isinstance(node, ast.MatchAs | ast.MatchStar) and node.name:
                self.bind(node.name, subject if node is case.pattern else Unknown())
        return self.run(case.body)

    def _try(self, node: ast.Try) -> Flow:
        def body() -> Flow:
            flow = self.run(node.body)
            return self.run(node.orelse) if flow is Flow.NEXT else flow

        def handler(entry: ast.ExceptHandler) -> Flow:
            # The exception may come after any statement: what the body assigned may or may not be there.
            self.branch([lambda: Flow.NEXT, lambda: self._quietly(node.body)])
            if entry.name:
                self.bind(entry.name, Unknown("an exception"))
            return self.run(entry.body)

        bodies: list[Callable[[], Flow]] = [body]
        bodies += [lambda entry=entry: handler(entry) for entry in node.handlers]  # type: ignore[misc]
        flow = self.branch(bodies) if node.handlers else body()
        final = self.run(node.finalbody)
        return final if final is not Flow.NEXT else flow

    def _quietly(self, statements: Sequence[ast.stmt]) -> Flow:
        """Only the assignments of plain values: the rest was noted when the body was followed."""
        for statement in statements:
            if isinstance(statement, ast.Assign) and isinstance(
                statement.value, ast.Constant | ast.JoinedStr | ast.Name
            ):
                self._statement(statement)
        return Flow.NEXT

    # -- loops

    def _for(self, node: ast.For | ast.AsyncFor) -> Flow:
        iterable = self.evaluate(node.iter)
        items, complete = self.iterate(iterable)
        if not items and not complete:
            return self._unknown_loop(
                node.body, node.orelse, lambda: self.assign(node.target, self.element(iterable))
            )
        if len(items) > MAX_ITERATIONS:
            self.session.gap(f"a loop over {len(items)} items: only the first {MAX_ITERATIONS} are followed")
            items = items[:MAX_ITERATIONS]
        for item in items:
            self.assign(node.target, item)
            flow = self.run(node.body)
            if flow is Flow.BREAK:
                return Flow.NEXT
            if flow in (Flow.RETURN, Flow.RAISE, Flow.EXIT):
                return flow
        if not complete:
            self._unknown_loop(node.body, [], lambda: self.assign(node.target, self.element(iterable)))
        return self.run(node.orelse)

    def element(self, iterable: Any) -> Any:
        """What is known about an item of something whose items are not known."""
        if isinstance(iterable, Unknown):
            return Unknown(iterable.reason)
        return Unknown("an item of a collection that is only known when the notebook runs")

    def _unknown_loop(
        self, body: Sequence[ast.stmt], orelse: Sequence[ast.stmt], prepare: Callable[[], None]
    ) -> Flow:
        def once() -> Flow:
            prepare()
            flow = self.run(body)
            return Flow.NEXT if flow in (Flow.BREAK, Flow.CONTINUE) else flow

        # Twice, so that what one iteration leaves behind reaches the next; once where loops are nested deeply.
        self._loop_depth += 1
        try:
            for _ in range(2 if self._loop_depth <= 2 else 1):
                self.branch([once, lambda: Flow.NEXT])
        finally:
            self._loop_depth -= 1
        return self.run(orelse)

    def _while(self, node: ast.While) -> Flow:
        for _ in range(MAX_ITERATIONS):
            decision = self.decided(self.evaluate(node.test))
            if decision is False:
                return self.run(node.orelse)
            if decision is None or isinstance(node.test, ast.Constant):
                break
            flow = self.run(node.body)
            if flow is Flow.BREAK:
                return Flow.NEXT
            if flow in (Flow.RETURN, Flow.RAISE, Flow.EXIT):
                return flow
        return self._unknown_loop(node.body, node.orelse, lambda: None)

    def iterate(self, value: Any) -> tuple[list[Any], bool]:
        """The items of a value, and whether there are no more."""
        items: list[Any] = []
        complete = True
        for _, option in options_of(value):
            found, whole = _items_of(option)
            items += found
            complete = complete and whole
        return items, complete

    def enter(self, scope: Scope) -> Scope:
        """Make a scope current; the former one is returned."""
        former, self.scope = self.scope, scope
        return former


def _items_of(value: Any) -> tuple[list[Any], bool]:
    if isinstance(value, Items):
        return list(value.items), value.complete
    if isinstance(value, Mapping):
        return [Const(key) for key in value.entries], value.complete
    if isinstance(value, Const) and isinstance(value.value, str):
        return [Const(character) for character in value.value[:MAX_ITERATIONS]], True
    return [], False


def _parts(targets: Sequence[ast.expr], value: Any) -> list[Any]:
    items, complete = _items_of(value)
    starred = next((i for i, target in enumerate(targets) if isinstance(target, ast.Starred)), None)
    if complete and starred is None and len(items) == len(targets):
        return items
    if complete and starred is not None and len(items) >= len(targets) - 1:
        after = len(targets) - starred - 1
        middle = items[starred : len(items) - after]
        return [*items[:starred], Items(middle), *items[len(items) - after :]]
    return [value if isinstance(value, Unknown) else Unknown() for _ in targets]


def _loaded(target: ast.expr) -> ast.expr:
    if isinstance(target, ast.Name):
        return ast.Name(target.id, ast.Load())
    if isinstance(target, ast.Attribute):
        return ast.Attribute(target.value, target.attr, ast.Load())
    if isinstance(target, ast.Subscript):
        return ast.Subscript(target.value, target.slice, ast.Load())
    return target


def _size(value: Items | Mapping) -> int:
    return len(value.items) if isinstance(value, Items) else len(value.entries)


def _hashable(value: Any) -> bool:
    return isinstance(value, str | int | float | bool | bytes | tuple | type(None))


_STATEMENTS: dict[type, Callable[[Interpreter, Any], Flow]] = {
    ast.Expr: Interpreter._expression,
    ast.Assign: Interpreter._assignment,
    ast.AnnAssign: Interpreter._annotated,
    ast.AugAssign: Interpreter._augmented,
    ast.Return: Interpreter._return,
    ast.FunctionDef: Interpreter._function,
    ast.AsyncFunctionDef: Interpreter._function,
    ast.ClassDef: Interpreter._class,
    ast.Import: Interpreter._import,
    ast.ImportFrom: Interpreter._import_from,
    ast.Delete: Interpreter._delete,
    ast.Global: Interpreter._global,
    ast.With: Interpreter._with,
    ast.AsyncWith: Interpreter._with,
    ast.Raise: Interpreter._raise,
    ast.If: Interpreter._if,
    ast.Match: Interpreter._match,
    ast.Try: Interpreter._try,
    ast.TryStar: Interpreter._try,
    ast.For: Interpreter._for,
    ast.AsyncFor: Interpreter._for,
    ast.While: Interpreter._while,
    ast.Break: lambda _, __: Flow.BREAK,
    ast.Continue: lambda _, __: Flow.CONTINUE,
}
