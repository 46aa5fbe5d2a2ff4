"""The expression language of data pipelines."""

from typing import Any

import pytest

from fabric_assets.local.pipelines.expressions import ExpressionError, evaluate

VALUES: dict[str, Any] = {
    "pipeline": {"parameters": {"day": "2026-01-31", "tables": ["a", "b"], "n": 3}, "RunId": "r"},
    "item": {"name": "orders", "keys": [1, 2]},
    "variables": {"full": True},
    "activity": {"Load": {"output": {"result": {"exitValue": '{"rows": 5}'}}}},
}


def resolve(name: str, arguments: list[Any]) -> Any:
    return VALUES[name][arguments[0]] if arguments else VALUES[name]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("plain", "plain"),
        ("", ""),
        (5, 5),
        ("@pipeline().parameters.day", "2026-01-31"),
        ("@pipeline().Parameters.DAY", "2026-01-31"),
        ("@pipeline().parameters['tables'][1]", "b"),
        ("@variables('full')", True),
        ("@item().keys[0]", 1),
        ("@item()", VALUES["item"]),
        ("@activity('Load').output.result.exitValue", '{"rows": 5}'),
        ("@json(activity('Load').output.result.exitValue).rows", 5),
        ("@activity('Load').output?.nothing?.deep", None),
        ("@concat('Files/', item().name, '/', pipeline().parameters.n)", "Files/orders/3"),
        ("@equals(pipeline().parameters.n, 3)", True),
        ("@equals(true, 1)", False),
        ("@not(or(equals('a', 'b'), and(true, false)))", True),
        ("@if(greater(length(pipeline().parameters.tables), 1), 'many', 'one')", "many"),
        ("@concat('it''s ', toUpper('x'))", "it's X"),
        ("@int('5')", 5),
        ("@add(1, -2)", -1),
        ("@createArray('a', 1, null)", ["a", 1, None]),
        ("@contains(pipeline().parameters.tables, 'a')", True),
        ("Files/@{item().name}/@{pipeline().parameters.day}.csv", "Files/orders/2026-01-31.csv"),
        ("@{pipeline().parameters.n}", "3"),
        ("@{concat('}', 'a')} and @{pipeline().parameters.tables}", '}a and ["a","b"]'),
        ("@@literal", "@literal"),
        ("mail @@{x}", "mail @{x}"),
        ("someone@example.org", "someone@example.org"),
        ({"value": "@item().name", "type": "Expression"}, "orders"),
        ({"a": ["@item().name", {"b": "@{1}"}]}, {"a": ["orders", {"b": "1"}]}),
    ],
)
def test_a_value(expression: Any, expected: Any) -> None:
    assert evaluate(expression, resolve) == expected


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("@pipeline().parameters.month", "'month' does not exist; there are day, tables, n"),
        ("@utcnow()", "the local Fabric does not know the function 'utcnow'"),
        ("@concat('a'", "it ends too early"),
        ("@concat('a' 'b')", "',' is expected, not ''b''"),
        ("@int('five')", 'int() cannot take "five"'),
        ("@not('yes')", 'not() cannot take "yes"'),
        ("@item() item()", "'item' is not expected"),
        ("@nothing", "'nothing' is not understood"),
        ("@'open", "''open' is not understood"),
        ("Files/@{item().name", "a closing brace is missing"),
    ],
)
def test_an_error_shows_the_expression_and_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        evaluate(expression, resolve)
    assert reason in str(raised.value)
    assert expression.removeprefix("@") in str(raised.value)
