"""Configuration that notebooks hold as text: JSON, YAML, TOML and Python literals."""

import ast
import csv
import json
import re
import tomllib
from functools import lru_cache
from typing import Any

import yaml  # type: ignore[import-untyped]

from fabric_assets.lineage.plain import from_python, to_python
from fabric_assets.lineage.values import Const, Items, Unknown
from fabric_assets.lineage.work import spend

MAX_DOCUMENT = 100_000
"""Longer texts (characters) are not read."""

MAX_YAML = 20_000
"""Nor is longer YAML: its reader is slow."""

# An alias in YAML can stand for a structure that is larger than any memory.
_YAML_ALIAS = re.compile(r"(?:^|[\s\[{,:-])[&*]\w", re.MULTILINE)


def parsed(reader: str, text: Any) -> Any:
    """The value of a call that reads a text.

    Args:
        reader: dotted name of the function: ``json.loads``.
        text: abstract value of the text.
    """
    if not (isinstance(text, Const) and isinstance(text.value, str)) or len(text.value) > MAX_DOCUMENT:
        return Unknown()
    try:
        value = from_python(_loaded(reader, text.value), text.overridable)
    except (ValueError, RecursionError, SyntaxError, MemoryError, yaml.YAMLError):
        return Unknown()
    if text.overridable and isinstance(value, Items) and not value.items:
        value.complete = False  # a parameter whose value here is empty
    return value


def rows_of_text(text: Any, options: dict[str, Any], *, with_names: bool) -> Any:
    """The rows that ``csv`` reads from a text, or from its lines.

    Args:
        text: abstract value.
        options: keyword arguments of the call.
        with_names: ``DictReader``: each row is a dictionary.
    """
    try:
        plain = to_python(text)
        lines = plain.splitlines() if isinstance(plain, str) else list(plain)
        settings = {key: to_python(value) for key, value in options.items()}
        if sum(len(line) for line in lines) > MAX_DOCUMENT:
            return Unknown()
        kind = csv.DictReader if with_names else csv.reader
        return from_python([row for row in kind(lines, **settings) if row])
    except (ValueError, TypeError, csv.Error):
        return Unknown()


@lru_cache(maxsize=64)
def _loaded(reader: str, text: str) -> Any:
    is_yaml = reader.startswith("yaml.")
    spend(2 * len(text) if is_yaml and len(text) <= MAX_YAML else len(text) >> 4)
    if reader == "json.loads":
        return json.loads(text)
    if reader == "tomllib.loads":
        return tomllib.loads(text)
    if reader == "ast.literal_eval":
        return ast.literal_eval(text.strip())
    if len(text) > MAX_YAML or _YAML_ALIAS.search(text):
        raise ValueError("long YAML, or YAML with aliases")
    return yaml.safe_load(text)
