"""Variables of T-SQL scripts, as far as the text of dynamic statements is made with them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from sqlglot import exp

from fabric_assets.lineage.plain import text_of
from fabric_assets.lineage.strings import text_method
from fabric_assets.lineage.values import Const, Text, Unknown, concatenate

_CONTROL = re.compile(r"\b(?:IF|WHILE|CURSOR)\b", re.IGNORECASE)
# Comparisons are counted as well: they only make it less sure.
_ASSIGNED = re.compile(r"(@\w+)(?:\s+(?:AS\s+)?[a-z]\w*(?:\s*\([^)]*\))?)?\s*[-+*/]?=", re.IGNORECASE)
_METHODS = {exp.Upper: "upper", exp.Lower: "lower", exp.Trim: "strip"}


class Variables:
    """The variables of one script.

    Args:
        script: its text. A variable that is set more than once in a script with control flow is not followed: which
            of its values holds where is only known when the script runs.
        parameters: the values of its variables at the start, by name with ``@`` in lower case.
    """

    def __init__(self, script: str, parameters: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Const | Text | Unknown] = dict(parameters or {})
        counted: Counter[str] = Counter()
        if _CONTROL.search(script):
            counted.update(list(self._values))
            counted.update(match[1].lower() for match in _ASSIGNED.finditer(script))
        self._unclear = {name for name, count in counted.items() if count > 1}

    def declare(self, node: exp.Declare) -> None:
        """Take the values that ``DECLARE`` gives."""
        for item in node.expressions:
            names = item.this if isinstance(item.this, list) else [item.this]
            default = item.args.get("default")
            for name in names:
                if isinstance(name, exp.Parameter):
                    self._set(name, default)

    def assign(self, assignments: Iterable[exp.Expr], *, from_rows: bool) -> None:
        """Take the values that ``SELECT @x = ...`` gives; not known if they come from rows."""
        for entry in assignments:
            if isinstance(entry, exp.EQ) and isinstance(entry.this, exp.Parameter):
                self._set(entry.this, None if from_rows else entry.expression)

    def _set(self, name: exp.Parameter, value: object) -> None:
        key = f"@{name.name.lower()}"
        if not isinstance(value, exp.Expr) or key in self._unclear:
            self._values[key] = Unknown(f"the variable {key}")
        else:
            self._values[key] = self.value(value)

    def value(self, node: exp.Expr | None) -> Any:
        """The value of an expression."""
        if isinstance(node, exp.Literal | exp.National | exp.RawString):
            return Const(node.name)
        if isinstance(node, exp.Parameter):
            key = f"@{node.name.lower()}"
            return self._values.get(key, Unknown(f"the variable {key}"))
        if isinstance(node, exp.Paren):
            return self.value(node.this)
        if isinstance(node, exp.Cast | exp.Convert):
            return self.value(node.expression if isinstance(node, exp.Convert) else node.this)
        if isinstance(node, exp.Add | exp.DPipe):
            return concatenate(text_of(self.value(part)) for part in (node.left, node.right))
        if isinstance(node, exp.Concat):
            return concatenate(text_of(self.value(part)) for part in node.expressions)
        if isinstance(node, exp.Chr):
            return Const("\n")
        if isinstance(node, exp.Anonymous | exp.Func):
            return self._function(node)
        return Unknown("a value of T-SQL that is only known when the notebook runs")

    def _function(self, node: exp.Func) -> Any:
        name = node.name.upper() if isinstance(node, exp.Anonymous) else type(node).__name__.upper()
        if name == "QUOTENAME" and node.expressions:
            return concatenate([Const("["), text_of(self.value(node.expressions[0])), Const("]")])
        method = _METHODS.get(type(node))
        owner = self.value(node.this) if isinstance(node.this, exp.Expr) else Unknown()
        if isinstance(owner, Const | Text):
            if method:
                return text_method(owner, method, [], {})
            if isinstance(node, exp.Replace):
                return text_method(
                    owner,
                    "replace",
                    [self.value(node.expression), self.value(node.args.get("replacement"))],
                    {},
                )
        return Unknown(f"{name} of T-SQL, which is only known when the notebook runs")
