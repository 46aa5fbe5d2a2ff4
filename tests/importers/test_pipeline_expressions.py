"""Expressions of pipelines: their value, or why it is not known."""

from typing import Any

import pytest

from fabric_assets.importers.pipeline_expressions import (
    ActivityValue,
    ExpressionContext,
    NotDecidedError,
    work_out,
)

CONTEXT = {
    "pipeline": "PL",
    "parameters": {"Env": "prod", "n": 3, "tables": ["a", "b"], "cfg": {"Path": {"x": 1}}, "on": True},
    "variables": {"limit": 5},
}


def context() -> ExpressionContext:
    return ExpressionContext(**CONTEXT, items=[{"Name": "sales", "n": 2}])  # type: ignore[arg-type]


VALUES: list[tuple[Any, Any]] = [
    ("text", "text"),
    (5, 5),
    ("a@b.c", "a@b.c"),
    ("@@x", "@x"),
    ("@pipeline().parameters.env", "prod"),
    ("@pipeline().Pipeline", "PL"),
    ({"value": "@pipeline().parameters.n", "type": "Expression"}, 3),
    ("@concat('it''s ', pipeline().parameters.Env, '/', string(4))", "it's prod/4"),
    ("x/@{pipeline().parameters.Env}/@{toUpper('y')}", "x/prod/Y"),
    ("@{pipeline().parameters.n}", "3"),
    ("mail@@{x}", "mail@{x}"),
    ("@pipeline().parameters.tables[1]", "b"),
    ("@pipeline().parameters.cfg.path['x']", 1),
    ("@pipeline()?.parameters?.cfg?.nothing", None),
    ("@item().name", "sales"),
    ("@add(item().n, mul(2, 3))", 8),
    ("@div(7, 2)", 3),
    ("@variables('limit')", 5),
    ("@if(equals(pipeline().parameters.Env, 'prod'), 'big', 'small')", "big"),
    ("@and(pipeline().parameters.on, not(equals(1, 2)))", True),
    ("@or(false, greaterOrEquals(3, 3))", True),
    ("@createArray(1, 'b', true, null)", [1, "b", True, None]),
    ("@range(2, 3)", [2, 3, 4]),
    ("@split('a;b', ';')", ["a", "b"]),
    ("@length(pipeline().parameters.tables)", 2),
    ("@first(json('[{\"x\": -1.5}]')).x", -1.5),
    ("@empty('')", True),
    ("@contains('abc', 'b')", True),
    ("@bool('False')", False),
    ("@coalesce(null, 'x')", "x"),
    ("@replace(substring('abcdef', 1, 3), 'c', '')", "bd"),
    ("@activity('Load It').output.result.exitValue", ActivityValue("Load It", "output.result.exitvalue")),
    ("@{activity('A').output.result.exitValue}", ActivityValue("A", "output.result.exitvalue")),
    ("@string(activity('A').exitValue())", ActivityValue("A", "exitvalue()")),
]


@pytest.mark.parametrize(("expression", "value"), VALUES, ids=str)
def test_what_the_file_tells_is_worked_out(expression: Any, value: Any) -> None:
    result = work_out(expression, context())

    assert (result, type(result)) == (value, type(value))


REASONS: list[tuple[str, str]] = [
    ("@pipeline().parameters.day", "the pipeline's parameter day has no default value"),
    ("@pipeline().RunId", "pipeline().RunId is known only while a pipeline runs"),
    ("@pipeline().libraryVariables.x", "variable library"),
    ("@pipeline()", "pipeline() is no value"),
    ("@utcnow()", "utcnow() is known only while a pipeline runs"),
    ("@formatDateTime(utcnow(), 'yyyy')", "known only while a pipeline runs"),
    ("@variables('status')", "the variable status is set while the pipeline runs"),
    ("@json(activity('A').output.result.exitValue).x", "it computes with the output of activity 'A'"),
    ("a @{activity('A').output.result.exitValue}", "it puts an exit value into a text"),
    ("@xpath('a', 'b')", "the function xpath() is not worked out"),
    ("@item().other", "'other' is not there"),
    ("@int('x')", "int() fails"),
    ("@add('1', 2)", "no number"),
    ("@equals('A', 'a')", "differ only in case"),
    ("@concat('a'", "it ends too early"),
    ("@concat('a' 'b')", "a , is missing before"),
    ("@concat('a', ", "it ends too early"),
    ("@{pipeline().parameters.n", "a } is missing"),
    ("@'a' 'b'", "something behind its end"),
    ("@#", "is not understood"),
    ("@", "it ends too early"),
    ("@" + "not(" * 60 + "true" + ")" * 60, "nested too deeply"),
    ("@range(1, 999999999)", "too large"),
]


@pytest.mark.parametrize(("expression", "reason"), REASONS, ids=[text[:40] for text, _ in REASONS])
def test_what_the_file_does_not_tell_has_a_reason(expression: str, reason: str) -> None:
    with pytest.raises(NotDecidedError) as caught:
        work_out(expression, context())

    assert reason in str(caught.value)


def test_an_item_is_unknown_outside_a_loop() -> None:
    with pytest.raises(NotDecidedError, match="ForEach"):
        work_out("@item()", ExpressionContext("PL"))


def test_parameters_that_were_read_are_noted() -> None:
    known = context()

    work_out("@concat(pipeline().parameters.ENV, string(pipeline().parameters.n))", known)

    assert known.used == {"Env", "n"}
