"""What is told of broken notebooks, and of those that are no assets and should perhaps be some."""

from collections.abc import Iterable, Sequence

from fabric_assets.component.log import log
from fabric_assets.component.settings import LineageSettings
from fabric_assets.lineage import NotebookLineage, Unresolved


def tell_broken(lineages: Iterable[NotebookLineage], consequence: str) -> None:
    """Tell of notebooks whose source cannot be read as a whole, each with its reason.

    Args:
        lineages: the notebooks.
        consequence: what comes of it.
    """
    for lineage in lineages:
        for gap in _breaks(lineage):
            place = f"{lineage.path}:{gap.line}"
            log.warning("notebook %s is broken, so %s: %s: %s", lineage.name, consequence, place, gap.reason)


def tell_unclear(lineages: Iterable[NotebookLineage]) -> None:
    """Tell of notebooks of which it is not known whether they write tables, each with its first reason."""
    unclear = []
    for lineage in lineages:
        if not lineage.unresolved:
            log.debug("notebook %s is no asset: it writes no table", lineage.name)
        elif not _breaks(lineage):
            unclear.append(lineage)
    if unclear:
        log.warning(
            "it is not known whether these notebooks write tables, so they are no assets. %s them under `notebooks`, "
            "or list them under `exclude`:\n%s",
            _lineage_advice(unclear),
            "\n".join(f"  {lineage.name}: {_first_gap(lineage)}" for lineage in unclear),
        )


def _breaks(lineage: NotebookLineage) -> list[Unresolved]:
    return [gap for gap in lineage.unresolved if not gap.cell]


def _lineage_advice(lineages: Sequence[NotebookLineage]) -> str:
    """How the advice begins: with the settings of ``lineage`` that the reasons name, if they do."""
    reasons = "\n".join(gap.reason for lineage in lineages for gap in lineage.unresolved)
    settings = [f"`{name}`" for name in LineageSettings.model_fields if f"`{name}`" in reasons]
    return f"Say it under `lineage` ({', '.join(settings)}), name" if settings else "Name"


def _first_gap(lineage: NotebookLineage) -> str:
    gap, *others = lineage.unresolved
    more = f" (and {len(others)} more)" if others else ""
    return f"cell {gap.cell}, line {gap.line}: {gap.reason}{more}"
