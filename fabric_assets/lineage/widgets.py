"""Values that someone gives a notebook from outside: widgets and environment variables, with their defaults."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from fabric_assets.lineage.arguments import argument, text_value
from fabric_assets.lineage.values import Const, Instance, Unknown

if TYPE_CHECKING:
    from fabric_assets.lineage.interpreter import Interpreter

_MADE = ("text", "dropdown", "combobox", "multiselect")


def outer_value(
    interpreter: "Interpreter", name: str, arguments: list[Any], keywords: dict[str, Any]
) -> Any | None:
    """The value of a call that asks for such a value, ``None`` if it does not.

    Like a value of the parameters cell, a default counts as long as nobody passes another.

    Args:
        interpreter: takes the notes.
        name: dotted name of the function.
        arguments: of the call.
        keywords: of the call.
    """
    if name in ("os.getenv", "os.environ.get"):
        return passed(argument(arguments, keywords, 1, "default"))
    top, _, rest = name.partition(".")
    last = name.rpartition(".")[2]
    if top == "ipywidgets" and last[:1].isupper():
        return Instance({"value": passed(keywords.get("value", Unknown()))})
    if not rest.startswith("widgets.") and not rest.startswith("dbutils.widgets."):
        return None
    defaults = interpreter.session.defaults
    widget = text_value(argument(arguments, keywords, 0, "name"))
    if last in _MADE and widget:
        defaults[widget] = passed(argument(arguments, keywords, 1, "defaultValue"))
        return Const(None)
    if last in ("get", "getArgument"):
        return defaults.get(widget, Unknown())
    return None


def passed(default: Any) -> Any:
    """The default of a value that others may pass."""
    return replace(default, overridable=True) if isinstance(default, Const) else default
