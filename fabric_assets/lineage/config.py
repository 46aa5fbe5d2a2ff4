"""Configuration of the lineage: what the notebooks' source does not say itself."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


class LineageConfigError(ValueError):
    """The configuration of the lineage is wrong; the text says what and where."""


@dataclass(frozen=True)
class WriterRule:
    """Calls of a function write a table.

    Attributes:
        call: name of the function.
        table: name or path of the table, with arguments of the call in braces.
    """

    call: str
    table: str


@dataclass(frozen=True)
class LookupRule:
    """Calls of a function read a table for each column of the dataframe that they get.

    Attributes:
        call: name of the function.
        column: regular expression that a column's whole name must match.
        table: name or path of the table, with the groups of ``column`` in braces.
    """

    call: str
    column: str
    table: str


@dataclass(frozen=True)
class IgnoreRule:
    """A dependency that is left out, to break a cycle.

    Attributes:
        upstream: notebook that writes; empty: any.
        downstream: notebook that reads; empty: any.
        table: the table as shown; empty: any.
    """

    upstream: str = ""
    downstream: str = ""
    table: str = ""


@dataclass(frozen=True)
class AllowRule:
    """A race that is accepted.

    Attributes:
        table: the table as shown; empty: any.
        notebooks: notebooks of the race; empty: any. The race must be between these only.
        reason: why it does no harm.
    """

    reason: str
    table: str = ""
    notebooks: tuple[str, ...] = ()


@dataclass(frozen=True)
class LineageConfig:
    """Configuration of the lineage.

    Attributes:
        writers: functions that write tables.
        lookups: functions that read tables by convention.
        ignore: dependencies to leave out.
        allow: races to accept.
        workspace: names and ids of the analyzed workspace, as they occur in paths.
        workspaces: names of other workspaces by GUID.
        lakehouses: names of lakehouses by GUID.
        default_lakehouse: default lakehouse of notebooks that have none.
    """

    writers: tuple[WriterRule, ...] = ()
    lookups: tuple[LookupRule, ...] = ()
    ignore: tuple[IgnoreRule, ...] = ()
    allow: tuple[AllowRule, ...] = ()
    workspace: tuple[str, ...] = ()
    workspaces: Mapping[str, str] = field(default_factory=dict)
    lakehouses: Mapping[str, str] = field(default_factory=dict)
    default_lakehouse: str = ""

    def __post_init__(self) -> None:
        for rule in self.lookups:
            try:
                re.compile(rule.column)
            except re.error as error:
                message = f"lookups: {rule.column!r} of {rule.call} is not a regular expression: {error}"
                raise LineageConfigError(message) from error

    @staticmethod
    def from_mapping(values: Mapping[str, Any]) -> "LineageConfig":
        """The configuration from the ``lineage`` section of a YAML or JSON file.

        Raises:
            LineageConfigError: a key is unknown or missing, or a value has the wrong type.
        """
        known = {
            "writers",
            "lookups",
            "ignore",
            "allow",
            "workspace",
            "workspaces",
            "lakehouses",
            "default_lakehouse",
        }
        unknown = sorted(set(values) - known)
        if unknown:
            raise LineageConfigError(
                f"lineage: unknown key {unknown[0]!r}; known are {', '.join(sorted(known))}"
            )
        workspace = values.get("workspace") or ()
        return LineageConfig(
            writers=_rules(values, "writers", WriterRule, required=("call", "table")),
            lookups=_rules(values, "lookups", LookupRule, required=("call", "column", "table")),
            ignore=_rules(values, "ignore", IgnoreRule),
            allow=_rules(values, "allow", AllowRule, required=("reason",)),
            workspace=(workspace,) if isinstance(workspace, str) else tuple(str(name) for name in workspace),
            workspaces={str(k).lower(): str(v).lower() for k, v in (values.get("workspaces") or {}).items()},
            default_lakehouse=str(values.get("default_lakehouse") or ""),
            lakehouses={str(k).lower(): str(v).lower() for k, v in (values.get("lakehouses") or {}).items()},
        )


def _rules(
    values: Mapping[str, Any], key: str, rule: type, required: tuple[str, ...] = ()
) -> tuple[Any, ...]:
    entries = values.get(key) or []
    if not isinstance(entries, list | tuple):
        raise LineageConfigError(f"lineage: {key} must be a list")
    result = []
    for number, entry in enumerate(entries, start=1):
        where = f"lineage: entry {number} of {key}"
        if isinstance(entry, rule):
            result.append(entry)
            continue
        if not isinstance(entry, Mapping):
            raise LineageConfigError(f"{where} must have keys and values")
        allowed = tuple(rule.__dataclass_fields__)  # type: ignore[attr-defined]
        if rule is IgnoreRule and not any(entry.values()):
            raise LineageConfigError(f"{where}: this would leave out every dependency; name what it is for")
        unknown = sorted(set(entry) - set(allowed))
        if unknown:
            raise LineageConfigError(f"{where}: unknown key {unknown[0]!r}; known are {', '.join(allowed)}")
        missing = [name for name in required if not entry.get(name)]
        if missing:
            raise LineageConfigError(f"{where}: {missing[0]!r} is missing")
        arguments = {k: tuple(v) if isinstance(v, list | tuple) else str(v) for k, v in entry.items()}
        result.append(rule(**arguments))
    return tuple(result)
