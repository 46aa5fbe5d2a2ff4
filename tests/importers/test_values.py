"""What is worked out without running it is what Python gives; all else is not known, never wrong."""

import ast
import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from fabric_assets.importers.notebook_interpreter import NotebookInterpreter
from fabric_assets.importers.notebook_values import Undecided
from fabric_assets.lineage.values import Unknown

KNOWN, UNKNOWN = (
    [pytest.param(code.strip("\n"), id=" ".join(code.split())[-40:]) for code in part.split("\n---\n")]
    for part in (Path(__file__).parent / "data" / "values.txt").read_text("utf-8").split("\n=====\n")
)


class NoCalls:
    """Nothing is started here."""

    def __init__(self) -> None:
        self.frontier: list[int] = []
        self.pool_sizes: set[int] = set()

    def notebook_function(self, name: str, node: ast.AST, args: list[Any], options: dict[str, Any]) -> Any:
        return Undecided(name)

    def decided(self, taken: list[ast.stmt], other: list[ast.stmt], test: str) -> None:
        pass

    def not_worked_out(self, statement: ast.AST, gap: Undecided) -> None:
        pass


def worked_out(code: str) -> Any:
    """The value of ``x`` without running the code."""
    interpreter = NotebookInterpreter(NoCalls(), 150_000)
    interpreter.run_cell(ast.parse(code), "", 0)
    return interpreter.plain(interpreter.scope.names["x"], ast.Pass(lineno=1))


def is_known(value: Any) -> bool:
    if isinstance(value, dict):
        return all(is_known(part) for entry in value.items() for part in entry)
    if isinstance(value, list | tuple | set):
        return all(is_known(part) for part in value)
    return not isinstance(value, Unknown)


@pytest.mark.parametrize("code", KNOWN)
def test_a_value_is_what_python_gives(code: str) -> None:
    names: dict[str, Any] = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(code, "notebook", "exec"), names)

    found = worked_out(code)

    assert found == names["x"]
    assert type(found) is type(names["x"])


@pytest.mark.parametrize("code", UNKNOWN)
def test_what_is_not_worked_out_is_not_known(code: str) -> None:
    assert not is_known(worked_out(code))
