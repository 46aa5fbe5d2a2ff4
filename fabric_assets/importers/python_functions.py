"""Functions and methods of Python that are worked out, and the limits that keep them small."""

import ast
import json
import operator
import re
from collections.abc import Callable, Mapping
from itertools import chain, product
from typing import Any

MAX_TEXT = 1_000_000
MAX_ITEMS = 50_000
_MAX_INTEGER_BITS = 4_096

_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitOr: operator.or_,
    ast.BitAnd: operator.and_,
    ast.BitXor: operator.xor,
}
_COMPARISONS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda left, right: left in right,
    ast.NotIn: lambda left, right: left not in right,
}

BUILTINS: dict[str, Callable[..., Any]] = {
    "abs": abs,
    "all": all,
    "any": any,
    "bool": bool,
    "dict": dict,
    "filter": lambda function, values: list(filter(function, values)),
    "enumerate": lambda *args, **options: list(enumerate(*args, **options)),
    "float": float,
    "frozenset": set,
    "int": int,
    "len": len,
    "list": list,
    "map": lambda function, *values: list(map(function, *values)),
    "max": max,
    "min": min,
    "range": lambda *args: list(_small_range(*args)),
    "repr": repr,
    "reversed": lambda values: list(reversed(values)),
    "round": round,
    "set": set,
    "sorted": sorted,
    "str": str,
    "sum": sum,
    "tuple": tuple,
    "zip": lambda *args, **options: list(zip(*args, **options)),  # noqa: B905 -- as the notebook says
}
MODULE_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "copy.copy": lambda value: value.copy() if isinstance(value, list | dict | set) else value,
    "itertools.chain": lambda *values: list(chain(*values)),
    "itertools.chain.from_iterable": lambda values: list(chain.from_iterable(values)),
    "itertools.product": lambda *values: _small_product(*values),
    "json.dumps": lambda value, **_: json.dumps(value),
    "json.loads": json.loads,
    "ast.literal_eval": ast.literal_eval,
}
# What only shows something: it changes nothing that it is given.
HARMLESS = frozenset(
    {"print", "display", "displayHTML", "pprint", "isinstance", "type", "hasattr", "id", "help"}
)

_TEXT_METHODS = """
    capitalize casefold count endswith find format index isalnum isalpha isdigit islower isupper join lower lstrip
    partition removeprefix removesuffix replace rpartition rsplit rstrip split splitlines startswith strip swapcase
    title upper zfill
"""
_METHODS: dict[type, frozenset[str]] = {
    str: frozenset(_TEXT_METHODS.split()),
    list: frozenset(
        {"append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort"}
    ),
    dict: frozenset(
        {"clear", "copy", "get", "items", "keys", "pop", "popitem", "setdefault", "update", "values"}
    ),
    set: frozenset({"add", "copy", "difference", "discard", "intersection", "remove", "union", "update"}),
    tuple: frozenset({"count", "index"}),
}
_WIDE_FORMAT = re.compile(r"\d{4,}")


class NotWorkedOutError(Exception):
    """An operation that is not worked out: unknown, too large, or an error in the notebook itself."""


def operate(node: ast.operator, left: Any, right: Any) -> Any:
    """``left + right`` and the like.

    Raises:
        NotWorkedOutError: the operation is unknown, too large or fails.
    """
    function = _OPERATORS.get(type(node))
    if function is None:
        raise NotWorkedOutError(f"the operator {type(node).__name__} is not worked out")
    if isinstance(node, ast.Mult):
        for one, other in ((left, right), (right, left)):
            if (
                isinstance(one, str | list | tuple)
                and isinstance(other, int)
                and len(one) * other > MAX_ITEMS
            ):
                raise NotWorkedOutError("the repetition is too long")
    if isinstance(node, ast.Mod) and isinstance(left, str) and _WIDE_FORMAT.search(left):
        raise NotWorkedOutError("the format is too wide")
    return limited(lambda: function(left, right))


def compare(node: ast.cmpop, left: Any, right: Any) -> Any:
    """``left == right`` and the like.

    Raises:
        NotWorkedOutError: the values cannot be compared.
    """
    return limited(lambda: _COMPARISONS[type(node)](left, right))


def formatted(value: Any, conversion: int, spec: str) -> str:
    """One field of an f-string.

    Raises:
        NotWorkedOutError: the format is too wide or does not fit the value.
    """
    if _WIDE_FORMAT.search(spec):
        raise NotWorkedOutError("the format is too wide")
    conversions: dict[int, Callable[[Any], Any]] = {ord("r"): repr, ord("s"): str, ord("a"): ascii}
    converted = conversions[conversion](value) if conversion in conversions else value
    text: str = limited(lambda: format(converted, spec))
    return text


def call_method(owner: Any, name: str, args: list[Any], options: Mapping[str, Any]) -> Any:
    """A method of a text, list, dictionary, set or tuple.

    Raises:
        NotWorkedOutError: the method is unknown, its result too large, or it fails.
    """
    if name not in _METHODS.get(type(owner), ()):
        raise NotWorkedOutError(f".{name}() is not worked out")
    if isinstance(owner, str):
        size = len(owner) + sum(len(arg) for arg in args if isinstance(arg, str))
        if name == "replace" and len(args) > 1 and isinstance(args[1], str):
            size = len(owner) * (len(args[1]) + 1)
        if name == "join" and args and isinstance(args[0], list | tuple | set):
            size = sum(len(part) + len(owner) for part in args[0] if isinstance(part, str))
        wide = name == "format" and _WIDE_FORMAT.search(owner)
        if size > MAX_TEXT or wide or (name == "zfill" and args and args[0] > MAX_ITEMS):
            raise NotWorkedOutError("the text is too long")
        if name == "format" and re.search(r"\{[^}]*[.\[]", owner):
            raise NotWorkedOutError("a format that looks into its values is not worked out")
    result = limited(lambda: getattr(owner, name)(*args, **options))
    if isinstance(owner, dict) and name in ("items", "keys", "values"):
        return [tuple(pair) for pair in result] if name == "items" else list(result)
    return result


def limited(compute: Callable[[], Any]) -> Any:
    """The result, if it is small.

    Raises:
        NotWorkedOutError: it is too large, or computing it fails as it would in the notebook.
    """
    try:
        result = compute()
    except NotWorkedOutError:
        raise
    except (RecursionError, MemoryError):
        raise NotWorkedOutError("it is nested too deeply or too large") from None
    except Exception as error:
        raise NotWorkedOutError(f"it fails with {type(error).__name__}: {str(error)[:120]}") from error
    if isinstance(result, int) and result.bit_length() > _MAX_INTEGER_BITS:
        raise NotWorkedOutError("the number is too large")
    if isinstance(result, str) and len(result) > MAX_TEXT:
        raise NotWorkedOutError("the text is too long")
    if isinstance(result, list | tuple | set | dict) and len(result) > MAX_ITEMS:
        raise NotWorkedOutError("it has too many elements")
    return result


def _small_range(*args: Any) -> range:
    values = range(*args)
    if len(values) > MAX_ITEMS:
        raise NotWorkedOutError("the range is too long")
    return values


def _small_product(*values: Any) -> list[tuple[Any, ...]]:
    size = 1
    for part in values:
        size *= len(part)
    if size > MAX_ITEMS:
        raise NotWorkedOutError("it has too many elements")
    return list(product(*values))
