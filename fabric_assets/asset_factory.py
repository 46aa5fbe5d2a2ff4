"""The factory: a notebook in, an asset out."""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg

from fabric_assets.arguments import Argument, Arguments, launch_of
from fabric_assets.client.compute import ComputeSettings
from fabric_assets.client.errors import FabricError
from fabric_assets.instance_ledger import InstanceLedger
from fabric_assets.materialization import check_results, failure, outcome_metadata
from fabric_assets.past_durations import expected_seconds
from fabric_assets.resource import FabricResource
from fabric_assets.tables.metadata import table_metadata
from fabric_assets.tables.names import LakehouseTable, table_definition

NOTEBOOK_METADATA = "fabric/notebook"
WORKSPACE_METADATA = "fabric/workspace"
RESOURCE_KEY = "fabric"

_COLUMN_LINEAGE = "dagster/column_lineage"


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
            instance. ``key`` then only names the op; ``deps``, ``description``, ``group_name``, ``owners``, ``tags``,
            ``kinds``, ``metadata``, ``automation_condition`` and ``freshness_policy`` are the specs' own, and so is the
            table: as metadata ``fabric/table``.
        resource_key: key of the ``FabricResource``.
        **asset_options: everything else that ``@dagster.asset`` takes, such as ``code_version`` or ``hooks``.

    Raises:
        dagster.DagsterInvalidDefinitionError: an option that cannot work, with the asset's name.
    """
    asset_key = dg.AssetKey.from_coercible(key)
    name = asset_key.to_user_string()
    _check_options(name, notebook, retry, retry_interval_seconds, timeout_seconds, compute)
    single_run = backfill_policy is not None and backfill_policy.max_partitions_per_run != 1
    one_partition = partitions_def is not None and not single_run
    checked_arguments = Arguments(name, arguments or {}, partitioned=one_partition, ranges=single_run)
    all_deps = list(deps)
    checks = list(check_specs or ())
    materialized_key = tables[0].key if tables else asset_key
    # Not given to the op: there, Dagster also retries a step whose run is terminated, and so starts its notebook anew.
    policy = retry_policy or dg.RetryPolicy(max_retries=retry, delay=retry_interval_seconds)
    if tables and (table is not None or all_deps):
        raise dg.DagsterInvalidDefinitionError(
            f"asset {name}: with `tables`, what it waits for and its table stand in the specs: "
            "leave `deps` and `table` out"
        )
    all_deps += checked_arguments.upstream(all_deps)
    specs = [spec.merge_attributes(deps=checked_arguments.upstream(spec.deps)) for spec in tables]
    definition_metadata = {NOTEBOOK_METADATA: notebook, **table_definition(table, name), **(metadata or {})}
    if workspace:
        definition_metadata[WORKSPACE_METADATA] = workspace

    async def load(context: dg.AssetExecutionContext) -> Any:
        fabric: FabricResource = getattr(context.resources, resource_key)
        partition = context.partition_key if one_partition else None
        try:
            outcome = await fabric.run_notebook_async(
                notebook,
                asset=name,
                workspace=workspace,
                parameters=checked_arguments.values(launch_of(context, name, partition)),
                compute=compute,
                timeout_seconds=timeout_seconds,
                run_again_if_deduped=run_again_if_deduped,
                expected_seconds=expected_seconds(context.instance, materialized_key, partition),
                run_id=context.run.run_id,
                log=context.log.log,
                ledger=InstanceLedger(
                    context.instance,
                    context.run,
                    str(context.op_execution_context.op_handle),
                    asset_key,
                    partition,
                ),
            )
        except FabricError as error:
            failed = failure(error)
            if error.retriable and context.retry_number < policy.max_retries:
                raise dg.RetryRequested(
                    max_retries=policy.max_retries,
                    seconds_to_wait=policy.calculate_delay(context.retry_number + 1),
                ) from failed
            raise failed from None
        known = outcome_metadata(outcome, attempts=context.retry_number + 1)
        checked = check_results(outcome.exit_value, checks)

        async def materialized(
            key: dg.AssetKey, definition: Mapping[str, Any], checked: Sequence[dg.AssetCheckResult] = ()
        ) -> dg.MaterializeResult:
            asset = key.to_user_string()
            log = context.log.log
            told = await table_metadata(fabric, definition, asset=asset, workspace=workspace, log=log)
            return _materialized(key, definition, {**known, **told}, checked)

        if not tables:
            return await materialized(asset_key, definition_metadata, checked)
        first, *others = tables
        return (
            await materialized(first.key, first.metadata, checked),
            *[await materialized(other.key, other.metadata) for other in others],
        )

    # Dagster would check the outputs against it, and it is one result or a tuple of them.
    del load.__annotations__["return"]
    op_options: dict[str, Any] = {
        "config_schema": checked_arguments.config_schema,
        "required_resource_keys": {resource_key, *asset_options.pop("required_resource_keys", ())},
        "partitions_def": partitions_def,
        "backfill_policy": backfill_policy,
        "pool": pool,
        "check_specs": checks or None,
        "op_tags": op_tags,
        **asset_options,
    }
    decorate: Callable[[Callable[..., Any]], dg.AssetsDefinition]
    if tables:
        op_name = re.sub(r"[^A-Za-z0-9_]", "_", "__".join(asset_key.path))
        decorate = dg.multi_asset(name=op_name, specs=specs, description=description, **op_options)
    else:
        decorate = dg.asset(
            key=asset_key,
            deps=all_deps,
            description=description or f"Loaded by the Fabric notebook {notebook}.",
            group_name=group_name,
            owners=owners,
            tags=tags,
            kinds=set(kinds),
            metadata=definition_metadata,
            automation_condition=automation_condition,
            freshness_policy=freshness_policy,
            **op_options,
        )
    return decorate(load)


def _materialized(
    key: dg.AssetKey,
    definition: Mapping[str, Any],
    known: Mapping[str, Any],
    checked: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult:
    # Dagster shows the lineage of columns from a materialization, not from a definition.
    columns = {_COLUMN_LINEAGE: definition[_COLUMN_LINEAGE]} if _COLUMN_LINEAGE in definition else {}
    return dg.MaterializeResult(asset_key=key, metadata={**columns, **known}, check_results=checked)


def _check_options(
    asset: str,
    notebook: str,
    retry: int,
    retry_interval_seconds: float,
    timeout_seconds: float | None,
    compute: ComputeSettings | None,
) -> None:
    problems = []
    if not notebook or notebook != notebook.strip():
        problems.append(f"notebook {notebook!r} is no display name and no GUID")
    if type(retry) is not int or retry < 0:
        problems.append(f"retry must be a whole number from 0, it is {retry!r}")
    if retry_interval_seconds < 0:
        problems.append(f"retry_interval_seconds must not be negative, it is {retry_interval_seconds!r}")
    if timeout_seconds is not None and timeout_seconds <= 0:
        problems.append(f"timeout_seconds must be positive or None, it is {timeout_seconds!r}")
    if compute is not None and (problem := compute.problem()):
        problems.append(f"compute: {problem}")
    if problems:
        raise dg.DagsterInvalidDefinitionError(f"asset {asset}: " + "; ".join(problems))
