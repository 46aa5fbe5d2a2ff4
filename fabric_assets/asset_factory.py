"""One factory for every notebook asset: what is special about notebooks, in front of what all job assets share."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any

import dagster as dg

from fabric_assets.arguments import Argument
from fabric_assets.client.compute import ComputeSettings
from fabric_assets.job_asset import (
    RESOURCE_KEY,
    WORKSPACE_METADATA,
    JobAssetOptions,
    JobStart,
    build_job_asset,
    name_problem,
)
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.pipes.session import SpeakingNotebook
from fabric_assets.pipes.settings import PipesFiles
from fabric_assets.resource import FabricResource
from fabric_assets.tables.metadata import table_metadata
from fabric_assets.tables.names import LakehouseTable, table_definition

NOTEBOOK_METADATA = "fabric/notebook"


def notebook_asset(
    key: dg.AssetKey | str | Sequence[str],
    *,
    notebook: str,
    workspace: str | None = None,
    deps: Iterable[Any] = (),
    arguments: Mapping[str, Argument] | None = None,
    retry: int = 1,
    retry_interval_seconds: float = 10,
    timeout_seconds: float | None = 300,
    compute: ComputeSettings | None = None,
    description: str | None = None,
    group_name: str | None = None,
    owners: Sequence[str] | None = None,
    tags: Mapping[str, str] | None = None,
    kinds: Iterable[str] = ("fabric", "notebook"),
    metadata: Mapping[str, Any] | None = None,
    partitions_def: dg.PartitionsDefinition | None = None,
    backfill_policy: dg.BackfillPolicy | None = None,
    pool: str | None = None,
    automation_condition: dg.AutomationCondition | None = None,
    freshness_policy: dg.FreshnessPolicy | None = None,
    check_specs: Sequence[dg.AssetCheckSpec] | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    run_again_if_deduped: bool = False,
    op_tags: Mapping[str, Any] | None = None,
    table: LakehouseTable | str | None = None,
    tables: Sequence[dg.AssetSpec] = (),
    pipes: PipesFiles | bool = False,
    resource_key: str = RESOURCE_KEY,
    **asset_options: Any,
) -> dg.AssetsDefinition:
    """An asset that is materialized by running a Fabric notebook.

    The asset needs a ``FabricResource`` under the key ``fabric``. A job instance that ends with ``Completed``
    materializes it; every other end fails it, with Fabric's reason and a link.

    Example::

        notebook_asset("DimCustomer", notebook="LoadDimCustomer", arguments={"recreate": False})

    Args:
        key: key of the asset.
        notebook: display name or GUID of the notebook; ``{prefix}`` stands for the resource's ``notebook_prefix``.
        workspace: display name or GUID of the notebook's workspace; ``None``: the resource's.
        deps: assets that must be materialized before.
        arguments: name of a parameter to its value. A plain ``bool``, ``int``, ``float`` or ``str`` is a typed field of
            the run config (the launchpad) with this default; see also ``config_field``, ``fixed``, ``partition_key``,
            ``partition_start``, ``partition_end``, ``exit_value_of``.
            Names must be written as in the notebook's parameters cell.
        retry: how often a failed job instance is started again.
        retry_interval_seconds: wait before that.
        timeout_seconds: longest time from a job instance's start to its end, waiting for compute included; then it is
            cancelled. ``None``: no limit.
        compute: environment, default lakehouse, Spark pool, Spark conf, session tag, sizes.
        description: shown in the UI.
        group_name: group of the asset.
        owners: such as ``["team:finance", "ada@example.com"]``.
        tags: tags of the asset.
        kinds: shown as icons, at most three.
        metadata: definition metadata.
        partitions_def: partitions of the asset.
        backfill_policy: how a backfill is cut into runs.
        pool: pool of Dagster, to limit how many steps run at once.
        automation_condition: when Dagster materializes it by itself.
        freshness_policy: when it counts as stale.
        check_specs: checks that the notebook makes itself; see ``fabric_assets.materialization.check_results``.
        retry_policy: replaces ``retry`` and ``retry_interval_seconds``, for backoff and jitter.
        run_again_if_deduped: what becomes of a job instance that Fabric skipped because another one of the notebook was
            running (``Deduped``): when that one has ended, run again (``True``) or fail (``False``).
        op_tags: tags of the op that computes it.
        table: the lakehouse table that the notebook loads, such as ``"Curated.dim_customer"``. Each materialization
            then tells its rows, columns, size and version, from its Delta log, which has precedence over the exit
            value. A log that cannot be read is a warning.
        tables: makes a multi-asset: one asset for each table that the notebook writes, all materialized by one job
            instance. ``key`` then only names the op. What is said of the asset holds for each table: ``deps``,
            ``tags`` and ``metadata`` are added to those of its spec; ``description``, ``group_name``, ``owners``,
            ``kinds``, ``automation_condition``, ``freshness_policy`` and ``code_version`` count where its spec has
            none. The lakehouse table stands in the spec: as metadata ``fabric/table``.
        pipes: whether the notebook speaks to Dagster with ``dagster-pipes`` while it runs: log lines, metadata, checks.
            Its parameters cell then has ``dagster_pipes_params = "{}"``. ``True``: over files in the default lakehouse
            of ``compute``; else say where (``PipesFiles``).
        resource_key: key of the ``FabricResource``.
        **asset_options: everything else that ``@dagster.asset`` takes, such as ``code_version`` or ``hooks``.

    Raises:
        dagster.DagsterInvalidDefinitionError: an option that cannot work, with the asset's name.
    """
    if tables and table is not None:
        raise dg.DagsterInvalidDefinitionError(
            f"asset {key}: with `tables`, each table stands in its spec: leave `table` out"
        )
    problems = [name_problem("notebook", notebook)]
    if compute is not None and (problem := compute.problem()):
        problems.append(f"compute: {problem}")
    speaking = PipesFiles() if pipes is True else pipes or None
    if speaking is not None:
        problems += speaking.problems(compute, arguments or {})
    definition = {NOTEBOOK_METADATA: notebook, **table_definition(table, str(key))}
    if workspace:
        definition[WORKSPACE_METADATA] = workspace

    async def run(start: JobStart) -> JobOutcome:
        if speaking is not None:
            return await SpeakingNotebook(
                start, speaking, notebook, workspace=workspace, compute=compute
            ).run()
        fabric: FabricResource = start.resource
        return await fabric.run_notebook_async(
            notebook,
            asset=start.asset,
            workspace=workspace,
            log=start.log,
            ledger=start.ledger,
            parameters=start.parameters,
            compute=compute,
            run_id=start.context.run.run_id,
            **start.options,
        )

    options: JobAssetOptions = {
        "deps": deps,
        "arguments": arguments,
        "retry": retry,
        "retry_interval_seconds": retry_interval_seconds,
        "timeout_seconds": timeout_seconds,
        "description": description,
        "group_name": group_name,
        "owners": owners,
        "tags": tags,
        "kinds": kinds,
        "metadata": metadata,
        "partitions_def": partitions_def,
        "backfill_policy": backfill_policy,
        "pool": pool,
        "automation_condition": automation_condition,
        "freshness_policy": freshness_policy,
        "check_specs": check_specs,
        "retry_policy": retry_policy,
        "run_again_if_deduped": run_again_if_deduped,
        "op_tags": op_tags,
        "tables": tables,
        "resource_key": resource_key,
        "asset_options": asset_options,
    }
    return build_job_asset(
        key,
        run,
        options,
        definition_metadata=definition,
        description=f"Loaded by the Fabric notebook {notebook}.",
        problems=problems,
        read_table=partial(read_lakehouse_table, workspace),
    )


async def read_lakehouse_table(
    workspace: str | None, start: JobStart, definition: Mapping[str, Any], asset: str
) -> Mapping[str, Any]:
    """What the Delta log tells of the table that an asset's definition names; see ``table_metadata``."""
    return await table_metadata(start.resource, definition, asset=asset, workspace=workspace, log=start.log)
