"""Works out the expressions of a notebook without running it."""

import ast
from collections.abc import Iterator
from functools import partial
from typing import Any, Protocol

from fabric_assets.importers.python_functions import (
    BUILTINS,
    HARMLESS,
    MAX_ITEMS,
    NotWorkedOutError,
    compare,
    formatted,
    limited,
    operate,
)
from fabric_assets.importers.python_values import (
    ExitValue,
    Function,
    Maybe,
    Reference,
    Results,
    Scope,
    Undecided,
    measured,
    truth,
)

_SESSION = frozenset({"notebookutils", "mssparkutils", "spark", "sc", "sqlContext"})


class OutOfBudgetError(Exception):
    """The notebook computes more than is worked out for an import."""


class Caller(Protocol):
    """Notes what the notebook starts."""

    def notebook_function(self, name: str, node: ast.Call, args: list[Any], options: dict[str, Any]) -> Any:
        """A function of ``notebookutils.notebook`` is called; gives what it returns."""
        ...

    def handed_over(self, node: ast.Call, function: Function | Reference, to: str) -> None:
        """Such a function, or one of the notebook's own, is handed to something unknown."""
        ...


class Expressions:
    """Evaluates expressions in the current scope.

    Attributes:
        scope: the current variables.
        read_names: names that were read from the notebook's outermost scope.
    """

    def __init__(self, caller: Caller, budget: int) -> None:
        self.caller = caller
        self.scope = Scope()
        self.read_names: set[str] = set()
        self._budget = budget
        self._place = ""
        self._first_line = 0

    def where(self, node: ast.AST) -> str:
        """The place of a node for a person."""
        line = getattr(node, "lineno", 0) + self._first_line
        return f"{self._place}, line {line}" if self._place else f"line {line}"

    def spend(self, steps: int = 1) -> None:
        """Count work.

        Raises:
            OutOfBudgetError: it was too much.
        """
        self._budget -= steps
        if self._budget < 0:
            raise OutOfBudgetError

    def gap(self, value: Any, node: ast.AST) -> Undecided | None:
        """Why a value is not wholly known; ``None`` if it is."""
        gap, size = measured(value, self.where(node))
        self.spend(size // 10)
        return gap

    def undecided(self, node: ast.AST, reason: str) -> Undecided:
        """A value that is not known, with its place."""
        return Undecided(reason, self.where(node))

    def evaluate(self, node: ast.expr | None) -> Any:
        """What the expression is worth; ``Undecided`` if the source alone does not tell."""
        if node is None:
            return None
        self.spend()
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            return self.undecided(node, f"{source(node)} is not worked out")
        try:
            return method(node)
        except NotWorkedOutError as error:
            return self.undecided(node, f"{source(node)}: {error}")

    def assign(self, target: ast.expr, value: Any) -> None:
        """Bind the names of a target."""
        raise NotImplementedError

    def iterate(self, node: ast.expr, value: Any) -> list[Any] | Undecided:
        """The elements of a value."""
        if isinstance(value, str):
            return list(value[:MAX_ITEMS])
        if isinstance(value, list | tuple | set | dict):
            return list(value)
        gap = self.gap(value, node)
        return gap if gap is not None else self.undecided(node, f"{source(node)} cannot be gone through")

    def _constant(self, node: ast.Constant) -> Any:
        return node.value

    def _name(self, node: ast.Name) -> Any:
        scope = self.scope.find(node.id)
        if scope is not None:
            if scope.outer is None:
                self.read_names.add(node.id)
            return scope.names[node.id]
        if node.id in BUILTINS or node.id in HARMLESS or node.id in _SESSION:
            return Reference(node.id)
        return self.undecided(
            node, f"{node.id} is not set in this notebook (it may come by %run or from the session)"
        )

    def _list(self, node: ast.List) -> Any:
        return self.elements(node.elts)

    def _tuple(self, node: ast.Tuple) -> Any:
        return tuple(self.elements(node.elts))

    def _set(self, node: ast.Set) -> Any:
        values = self.elements(node.elts)
        return limited(lambda: set(values))

    def elements(self, nodes: list[ast.expr]) -> list[Any]:
        """What several expressions are worth, those with a star spread out."""
        values: list[Any] = []
        for entry in nodes:
            if isinstance(entry, ast.Starred):
                parts = self.iterate(entry.value, self.evaluate(entry.value))
                values.extend([parts] if isinstance(parts, Undecided) else parts)
            else:
                values.append(self.evaluate(entry))
        return values

    def _dict(self, node: ast.Dict) -> Any:
        table: dict[Any, Any] = {}
        for key_node, value_node in zip(node.keys, node.values, strict=True):
            value = self.evaluate(value_node)
            if key_node is None:
                if isinstance(value, dict):
                    table.update(value)
                else:
                    gap = self.gap(value, value_node)
                    table[gap or self.undecided(value_node, "it is no dictionary")] = gap
                continue
            key = self.evaluate(key_node)
            limited(partial(table.__setitem__, key, value))
        return table

    def _joinedstr(self, node: ast.JoinedStr) -> Any:
        parts = [self.evaluate(part) for part in node.values]
        for part in parts:
            if isinstance(part, Undecided):
                return part
        return limited(lambda: "".join(parts))

    def _formattedvalue(self, node: ast.FormattedValue) -> Any:
        value = self.evaluate(node.value)
        spec = self.evaluate(node.format_spec) if node.format_spec is not None else ""
        gap = self.gap(value, node) or self.gap(spec, node)
        return gap if gap is not None else formatted(value, node.conversion, spec)

    def _binop(self, node: ast.BinOp) -> Any:
        left, right = self.evaluate(node.left), self.evaluate(node.right)
        for value in (left, right):
            shallow = isinstance(value, list | dict | set | tuple) and not isinstance(node.op, ast.Mod)
            gap = None if shallow else self.gap(value, node)
            if gap is not None:
                return gap
        value = operate(node.op, left, right)
        self.spend(size_of(value) // 10)
        return value

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self.evaluate(node.operand)
        if isinstance(node.op, ast.Not):
            known = truth(value, self.where(node))
            return known if isinstance(known, Undecided) else not known
        gap = self.gap(value, node)
        if gap is not None:
            return gap
        signs = {ast.USub: lambda: -value, ast.UAdd: lambda: +value, ast.Invert: lambda: ~value}
        return limited(signs[type(node.op)])

    def _boolop(self, node: ast.BoolOp) -> Any:
        value: Any = None
        stop_at = isinstance(node.op, ast.Or)
        for part in node.values:
            value = self.evaluate(part)
            known = truth(value, self.where(part))
            if isinstance(known, Undecided):
                return known
            if known is stop_at:
                return value
        return value

    def _compare(self, node: ast.Compare) -> Any:
        left = self.evaluate(node.left)
        for operator, right_node in zip(node.ops, node.comparators, strict=True):
            right = self.evaluate(right_node)
            gap = self.gap(left, node) or self.gap(right, node)
            if gap is not None:
                return gap
            if not compare(operator, left, right):
                return False
            left = right
        return True

    def _ifexp(self, node: ast.IfExp) -> Any:
        known = truth(self.evaluate(node.test), self.where(node.test))
        if isinstance(known, Undecided):
            return known
        return self.evaluate(node.body if known else node.orelse)

    def _namedexpr(self, node: ast.NamedExpr) -> Any:
        value = self.evaluate(node.value)
        self.scope.names[node.target.id] = value
        return value

    def _lambda(self, node: ast.Lambda) -> Any:
        return Function(node, self.scope, self.parameter_defaults(node.args))

    def parameter_defaults(self, arguments: ast.arguments) -> dict[str, Any]:
        """Parameters that have a default, with its value."""
        positional = [*arguments.posonlyargs, *arguments.args]
        defaults = {
            parameter.arg: self.evaluate(default)
            for parameter, default in zip(reversed(positional), reversed(arguments.defaults), strict=False)
        }
        for parameter, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            if default is not None:
                defaults[parameter.arg] = self.evaluate(default)
        return defaults

    def _slice(self, node: ast.Slice) -> Any:
        parts = [self.evaluate(part) for part in (node.lower, node.upper, node.step)]
        gap = self.gap(parts, node)
        return gap if gap is not None else slice(*parts)

    def _subscript(self, node: ast.Subscript) -> Any:
        owner, key = self.evaluate(node.value), self.evaluate(node.slice)
        if isinstance(key, Undecided):
            return key
        if isinstance(owner, Results) and isinstance(key, str):
            if owner.activity is None:
                return Results(owner.call, key)
            return (
                ExitValue(owner.call, owner.activity) if key == "exitVal" else self.undecided(node, "unknown")
            )
        if isinstance(owner, str | list | tuple | dict):
            value = limited(lambda: owner[key])
            return Undecided(value.reason, self.where(node)) if isinstance(value, Maybe) else value
        gap = self.gap(owner, node)
        return gap if gap is not None else self.undecided(node, f"{source(node)} is not worked out")

    def _attribute(self, node: ast.Attribute) -> Any:
        owner = self.evaluate(node.value)
        if isinstance(owner, Reference):
            return Reference(f"{owner.name}.{node.attr}")
        gap = self.gap(owner, node)
        return gap if gap is not None else self.undecided(node, f"{source(node)} is not worked out")

    def _listcomp(self, node: ast.ListComp) -> Any:
        return self._comprehension(node.elt, None, node.generators)

    def _generatorexp(self, node: ast.GeneratorExp) -> Any:
        return self._comprehension(node.elt, None, node.generators)

    def _setcomp(self, node: ast.SetComp) -> Any:
        values = self._comprehension(node.elt, None, node.generators)
        return values if isinstance(values, Undecided) else limited(lambda: set(values))

    def _dictcomp(self, node: ast.DictComp) -> Any:
        pairs = self._comprehension(node.value, node.key, node.generators)
        return pairs if isinstance(pairs, Undecided) else limited(lambda: dict(pairs))

    def _comprehension(
        self, element: ast.expr, key: ast.expr | None, generators: list[ast.comprehension]
    ) -> list[Any] | Undecided:
        found: list[Any] = []
        outer = self.scope
        self.scope = Scope(outer=outer)
        try:
            for gap in self._generate(generators):
                if gap is not None:
                    return gap
                value = self.evaluate(element)
                found.append(value if key is None else (self.evaluate(key), value))
                if len(found) > MAX_ITEMS:
                    raise OutOfBudgetError
        finally:
            self.scope = outer
        return found

    def _generate(self, generators: list[ast.comprehension]) -> Iterator[Undecided | None]:
        """One step for each element of the comprehension, with the variables set; or a gap, and the end."""
        if not generators:
            yield None
            return
        first, *rest = generators
        values = self.iterate(first.iter, self.evaluate(first.iter))
        if isinstance(values, Undecided):
            yield values
            return
        for value in values:
            self.spend()
            self.assign(first.target, value)
            known: bool | Undecided = True
            for test in first.ifs:
                known = truth(self.evaluate(test), self.where(test))
                if isinstance(known, Undecided):
                    yield known
                    return
                if not known:
                    break
            if known:
                yield from self._generate(rest)

    def _starred(self, node: ast.Starred) -> Any:
        return self.evaluate(node.value)


def source(node: ast.AST, limit: int = 80) -> str:
    """The source of a node for messages, cut."""
    try:
        text = " ".join(ast.unparse(node).split())
    except RecursionError:
        return "an expression"
    return text if len(text) <= limit else text[: limit - 1] + "…"


def size_of(value: Any) -> int:
    """How large a value is, without what is within its parts."""
    return len(value) if isinstance(value, str | list | dict | set | tuple) else 0
