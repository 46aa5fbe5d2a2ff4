"""Specs of the tables that one job instance loads: what is said of the asset holds for each."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

_KIND = "dagster/kind/"


def specs_of_tables(
    tables: Sequence[dg.AssetSpec],
    *,
    deps: Iterable[Any],
    tags: Mapping[str, str] | None,
    metadata: Mapping[str, Any] | None,
    kinds: Iterable[str],
    partitions_def: dg.PartitionsDefinition | None,
    **others: Any,
) -> list[dg.AssetSpec]:
    """The specs with what is said of all.

    Args:
        tables: the specs.
        deps: assets that all of them wait for, beside their own.
        tags: tags of all; their own count more.
        metadata: metadata of all; their own counts more.
        kinds: kinds of those that have none.
        partitions_def: partitions of all; ``None``: those that one of them has.
        **others: attributes of those that have none, such as ``group_name``.

    Raises:
        ValueError: they have different partitions, which no job instance could load together.
    """
    found = [each for each in (partitions_def, *(spec.partitions_def for spec in tables)) if each is not None]
    if any(other != found[0] for other in found):
        raise ValueError(
            "one job instance materializes all `tables`, so they must have the same `partitions_def`"
        )
    for_all, other_kinds = list(deps), set(kinds)
    return [
        spec.replace_attributes(
            deps=_with_deps(spec, for_all),
            tags={**(tags or {}), **_without_kinds(spec.tags)},
            metadata={**(metadata or {}), **spec.metadata},
            kinds=spec.kinds or other_kinds,
            partitions_def=found[0] if found else None,
            **{name: value for name, value in others.items() if value and not getattr(spec, name)},
        )
        for spec in tables
    ]


def _with_deps(spec: dg.AssetSpec, deps: Sequence[Any]) -> list[dg.AssetDep]:
    own = {dep.asset_key for dep in spec.deps}
    return [*spec.deps, *(dep for dep in dg.AssetSpec(spec.key, deps=deps).deps if dep.asset_key not in own)]


def _without_kinds(tags: Mapping[str, str]) -> dict[str, str]:
    """Tags without those that kinds are kept as."""
    return {key: value for key, value in tags.items() if not key.startswith(_KIND)}
