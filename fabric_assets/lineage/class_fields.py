"""The fields of dataclasses and named tuples: what the annotations in a class's body say."""

import ast
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Fields:
    """The fields of a class.

    Attributes:
        names: in order.
        computed: those that are no arguments of the constructor.
        passed_on: those that are only arguments, for ``__post_init__``.
    """

    names: tuple[str, ...] = ()
    computed: frozenset[str] = frozenset()
    passed_on: tuple[str, ...] = ()

    @property
    def arguments(self) -> tuple[str, ...]:
        """Names of the constructor's arguments, in order."""
        return tuple(name for name in self.names if name not in self.computed)

    def after(self, inherited: Sequence["Fields"]) -> "Fields":
        """These after those of the bases."""
        names: dict[str, None] = {}
        passed: dict[str, None] = {}
        computed: set[str] = set()
        for fields in (*inherited, self):
            names.update(dict.fromkeys(fields.names))
            passed.update(dict.fromkeys(fields.passed_on))
            computed = (computed - set(fields.names)) | fields.computed
        return Fields(tuple(names), frozenset(computed), tuple(passed))


NO_FIELDS = Fields()


def fields_of(body: Sequence[ast.stmt]) -> Fields:
    """The fields that the body of a class annotates."""
    names, computed, passed = [], set(), []
    for statement in body:
        if not isinstance(statement, ast.AnnAssign) or not isinstance(statement.target, ast.Name):
            continue
        mark, name = _mark(statement.annotation), statement.target.id
        if mark in ("ClassVar", "KW_ONLY"):
            continue
        names.append(name)
        if mark == "InitVar":
            passed.append(name)
        if isinstance(statement.value, ast.Call) and any(
            keyword.arg == "init" and isinstance(keyword.value, ast.Constant) and keyword.value.value is False
            for keyword in statement.value.keywords
        ):
            computed.add(name)
    return Fields(tuple(names), frozenset(computed), tuple(passed))


def _mark(annotation: ast.expr) -> str:
    """``ClassVar`` of ``ClassVar[str]``, ``typing.ClassVar`` and ``"ClassVar[str]"``."""
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    if isinstance(annotation, ast.Attribute):
        return annotation.attr
    if isinstance(annotation, ast.Constant):
        return str(annotation.value).partition("[")[0].rpartition(".")[2].strip()
    return annotation.id if isinstance(annotation, ast.Name) else ""
