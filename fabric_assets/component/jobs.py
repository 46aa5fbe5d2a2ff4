"""Jobs: those that are configured, and those that orchestrating notebooks are."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from fabric_assets.asset_names import identifier
from fabric_assets.component.dependencies import Names
from fabric_assets.component.entries import Selection, unknown_name
from fabric_assets.component.log import log
from fabric_assets.component.settings import JobSettings
from fabric_assets.component.templates import Places
from fabric_assets.executor import fabric_executor
from fabric_assets.lineage import NotebookLineage
from fabric_assets.near_names import nearest

_WILD = "*?["

Members = dict[str, list[str]]
"""Keys of the entries of each job, by its name."""


def members_of_jobs(
    configured: Mapping[str, JobSettings], selection: Selection, names: Names, where: Places
) -> Members:
    """Find the entries of each job. A notebook that only calls others is a job of those that it calls.

    Raises:
        dagster.DagsterInvalidDefinitionError: a configured job names something that is no entry.
    """
    members: Members = {}
    for name, job in configured.items():
        if identifier(name) != name:
            raise dg.DagsterInvalidDefinitionError(
                f"{where('jobs', name)}: a job's name may have letters, digits and _ only"
            )
        found: dict[str, None] = {}
        for number, notebook in enumerate(job.notebooks):
            found.update(dict.fromkeys(_meant(notebook, names, where("jobs", name, "notebooks", number))))
        members[name] = list(found)
    orchestrators = {lineage.name.lower(): lineage for lineage in selection.orchestrators}
    for lineage in selection.orchestrators:
        name = identifier(lineage.name) or "job"
        keys = _called(lineage, orchestrators, names, set())
        if keys and name not in members:
            members[name] = list(dict.fromkeys(keys))
        elif not keys:
            log.warning("notebook %s calls no notebook that is an asset here, so it is no job", lineage.name)
    return members


def _meant(notebook: str, names: Names, place: str) -> list[str]:
    keys = names.find(notebook)
    if keys:
        return keys
    if not any(character in notebook for character in _WILD):
        unknown_name(notebook, names.known(), what="asset for", place=place)
    keys = names.matching(notebook)
    if not keys:
        shown = nearest(notebook.strip("*?"), names.known())
        raise dg.DagsterInvalidDefinitionError(f"{place}: no asset here matches {notebook!r}{shown}")
    return keys


def build_jobs(
    members: Members,
    assets: Mapping[str, Sequence[dg.AssetKey]],
    configured: Mapping[str, JobSettings],
    partitions: Mapping[str, dg.PartitionsDefinition],
    where: Places,
) -> list[Any]:
    """The jobs. A notebook that calls others is none if these have different partitions, with a warning.

    Args:
        members: entries of each job.
        assets: keys of the assets of each entry.
        configured: what the configuration says of a job.
        partitions: partitions of the entries that have some.
        where: places in the configuration, for errors.

    Raises:
        dagster.DagsterInvalidDefinitionError: the assets of a configured job have different partitions.
    """
    jobs = []
    for name, keys in members.items():
        problem = _different_partitions(keys, partitions)
        if problem and name in configured:
            raise dg.DagsterInvalidDefinitionError(
                f"{where('jobs', name)}: {problem}. Make a job for each kind of partitions"
            )
        if problem:
            log.warning("notebook %s is no job here: of the notebooks that it calls, %s", name, problem)
        else:
            jobs.append(_job(name, [asset for key in keys for asset in assets[key]], configured.get(name)))
    return jobs


def _different_partitions(
    keys: Sequence[str], partitions: Mapping[str, dg.PartitionsDefinition]
) -> str | None:
    """Why the entries cannot be run together, ``None`` if they can: a run has one partition."""
    partitioned = [key for key in keys if key in partitions]
    for key in partitioned[1:]:
        if partitions[key] != partitions[partitioned[0]]:
            return (
                f"{partitioned[0]} ({partitions[partitioned[0]]}) and {key} ({partitions[key]}) have different "
                "partitions, so no run can have both"
            )
    return None


def _job(name: str, assets: Sequence[dg.AssetKey], settings: JobSettings | None) -> Any:
    selection = dg.AssetSelection.assets(*assets)
    if settings is None:
        description = f"The assets of the notebooks that the notebook {name} calls."
        return dg.define_asset_job(name, selection=selection, description=description)
    tags = dict(settings.tags)
    if settings.max_runtime_seconds is not None:
        tags["dagster/max_runtime"] = str(int(settings.max_runtime_seconds))
    executor = None
    if settings.max_concurrent is not None:
        executor = fabric_executor.configured({"one_process": {"max_concurrent": settings.max_concurrent}})
    return dg.define_asset_job(
        name, selection=selection, description=settings.description, tags=tags or None, executor_def=executor
    )


def _called(
    lineage: NotebookLineage, orchestrators: Mapping[str, NotebookLineage], names: Names, seen: set[str]
) -> list[str]:
    """Entries of the notebooks that a notebook calls, also through others that only call."""
    seen.add(lineage.name.lower())
    found: list[str] = []
    for call in lineage.calls:
        name = call.rpartition("/")[2].lower()
        if name in orchestrators:
            if name not in seen:
                found += _called(orchestrators[name], orchestrators, names, seen)
            continue
        keys = names.find(name)
        if not keys:
            log.warning("notebook %s calls %s, which is no asset here", lineage.name, call)
        found += keys
    return found
