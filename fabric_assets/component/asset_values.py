"""What Dagster allows for the values of an asset, checked where the YAML is read so that an error names the key."""

import re
import string
from collections.abc import Sequence
from typing import Any

import dagster as dg

_NAME = re.compile(r"[A-Za-z0-9_]+")
_POOL = re.compile(r"\S+")


def check_asset_value(field: str, value: Any) -> Any:
    """The value of ``owners``, ``tags``, ``kinds``, ``group_name``, ``pool``, ``name`` or ``key_prefix``.

    Raises:
        ValueError: Dagster would refuse it.
    """
    if value is None:
        return value
    if field == "pool":
        if not _POOL.fullmatch(value):
            raise ValueError("a pool's name may hold no blanks")
    elif field in ("name", "key_prefix"):
        _check_key(value.split("/") if isinstance(value, str) else value)
    else:
        given: dict[str, Any] = {field: set(value) if field == "kinds" else value}
        try:
            dg.AssetSpec("checked", **given)
        except dg.DagsterError as error:
            text = str(error)
            raise ValueError(text.replace(" for asset 'AssetKey(['checked'])'", "")) from error
    return value


def _check_key(parts: Sequence[str]) -> None:
    for part in parts:
        if not _NAME.fullmatch(part):
            raise ValueError(
                f"each part of an asset's key may have letters, digits and _ only, {part!r} has others"
                if part
                else "a part of the asset's key is empty"
            )


def check_fields(template: str, pattern: str | None = None, *, by_number: bool = True) -> str:
    """A text with fields in braces.

    Args:
        template: the text.
        pattern: regular expression whose groups fill the fields; ``None``: any names will do.
        by_number: groups can be named by their number, from 0.

    Raises:
        ValueError: it is not such a text, or a field is no group of the pattern.
    """
    try:
        fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
    except ValueError as error:
        raise ValueError(f"not a text with fields in braces: {error}") from error
    if pattern is None:
        return template
    try:
        compiled = re.compile(pattern)
    except re.error:
        return template  # refused by itself
    known = [*sorted(compiled.groupindex), *(map(str, range(compiled.groups)) if by_number else ())]
    for number, name in enumerate(fields):
        if (re.split(r"[.\[]", name)[0] or str(number)) not in known:
            groups = ", ".join(known) or "none"
            raise ValueError(
                f"{{{name}}} is no group of the regular expression {pattern!r}; groups: {groups}"
            )
    return template
