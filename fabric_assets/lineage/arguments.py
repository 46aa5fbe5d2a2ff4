"""Arguments of calls."""

from typing import Any

from fabric_assets.lineage.values import Const, Unknown


def argument(arguments: list[Any], keywords: dict[str, Any], position: int, *names: str) -> Any:
    """An argument of a call, by its position or by one of its names."""
    if position < len(arguments):
        return arguments[position]
    return next((keywords[name] for name in names if name in keywords), Unknown())


def text_value(value: Any) -> str:
    """The text of a constant, empty for all else."""
    return value.value if isinstance(value, Const) and isinstance(value.value, str) else ""
