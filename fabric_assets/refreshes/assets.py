"""Factories for what follows the notebooks: SQL endpoints brought up to date, semantic models refreshed."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Literal, Unpack

import dagster as dg

from fabric_assets.arguments import Argument
from fabric_assets.client.errors import FabricError
from fabric_assets.client.models import COMPLETED, JobInstance
from fabric_assets.job_asset import (
    WORKSPACE_METADATA,
    JobAssetOptions,
    JobStart,
    build_job_asset,
    name_problem,
)
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.refreshes.endpoint_tables import (
    IN_SYNC_CHECK,
    TableName,
    endpoint_metadata,
    failed,
    failures,
    in_sync,
    missing,
    tables_of_upstream,
)
from fabric_assets.refreshes.model_objects import model_metadata
from fabric_assets.refreshes.model_request import ModelRefreshRequest
from fabric_assets.resource import FabricResource

SEMANTIC_MODEL_METADATA = "fabric/semantic_model"
SQL_ENDPOINT_METADATA = "fabric/sql_endpoint"
LAKEHOUSE_METADATA = "fabric/lakehouse"

_STATE = "state"
_MISSING = "missing"
_NOT_FOR_REFRESHES = ("arguments", "tables", "check_specs", "run_again_if_deduped")


def sql_endpoint_refresh(
    key: dg.AssetKey | str | Sequence[str],
    *,
    lakehouse: str | None = None,
    sql_endpoint: str | None = None,
    workspace: str | None = None,
    recreate_tables: bool = False,
    expected_tables: Sequence[str] = (),
    allow_failed_tables: Sequence[str] = (),
    on_table_failure: Literal["fail", "warn"] = "fail",
    **options: Unpack[JobAssetOptions],
) -> dg.AssetsDefinition:
    """An asset that brings the SQL endpoint of a lakehouse up to date, after notebooks wrote its Delta tables.

    It waits for the refresh, and tells of each table. A refresh cannot be cancelled: if the run is terminated, the
    asset stops waiting at once, and Fabric finishes what it has begun. A refresh may be repeated without harm, so after
    a crash or a lost answer it is simply started again.

    Example::

        sql_endpoint_refresh("CuratedSql", lakehouse="Curated", deps=["DimCustomer", "FactSales"])

    Args:
        key: key of the asset.
        lakehouse: display name or GUID of the lakehouse whose SQL endpoint it is.
        sql_endpoint: display name or GUID of the SQL endpoint, instead of ``lakehouse``.
        workspace: display name or GUID of its workspace; ``None``: the resource's.
        recreate_tables: drop all tables of the endpoint and make them anew.
        expected_tables: tables, as ``table`` or ``schema.table``, that the endpoint must know after the refresh. Those
            that the ``deps`` name (``table="Curated.dim_customer"``) are expected as well. One that the endpoint does
            not tell of is a warning in the log and fails the check ``tables_in_sync`` (severity ``WARN``).
        allow_failed_tables: tables that may fail.
        on_table_failure: whether a table that fails lets the asset ``fail``, with the table's name and error, or is a
            warning (``warn``): then the asset is materialized and the check fails.
        **options: all that ``notebook_asset`` takes and is not about notebooks or arguments, with the same meaning;
            ``timeout_seconds`` is given to Fabric, 15 minutes if it is not set.

    Raises:
        dagster.DagsterInvalidDefinitionError: an option that cannot work, with the asset's name.
    """
    asset_key = dg.AssetKey.from_coercible(key)
    name = lakehouse if lakehouse is not None else sql_endpoint
    definition = {SQL_ENDPOINT_METADATA if lakehouse is None else LAKEHOUSE_METADATA: name or ""}
    allowed = [TableName.parse(table) for table in allow_failed_tables]

    async def run(start: JobStart) -> JobOutcome:
        fabric: FabricResource = start.resource
        state = await fabric.refresh_sql_endpoint_async(
            asset=start.asset,
            workspace=workspace,
            log=start.log,
            lakehouse=lakehouse,
            sql_endpoint=sql_endpoint,
            recreate_tables=recreate_tables,
            timeout_seconds=start.options["timeout_seconds"],
            expected_seconds=start.options["expected_seconds"],
        )
        tables = state.tables or ()
        connection = fabric.connection()
        for told in tables:
            if told.has_failed:
                start.log(logging.WARNING, f"table {told.table} is not up to date: {told.error}")
        expected = [TableName.parse(table) for table in expected_tables]
        expected += tables_of_upstream(
            start.context,
            start.key,
            lakehouses=(name or "", state.endpoint.display_name),
            workspaces=(state.workspace.id, state.workspace.display_name),
            workspace=connection.workspace if connection else "",
        )
        not_told = [] if state.tables is None else missing(expected, tables)
        if not_told:
            start.log(
                logging.WARNING,
                f"SQL endpoint {state.endpoint.display_name!r} does not tell of {', '.join(not_told)}. Have they been "
                "written to this lakehouse?",
            )
        bad = failed(tables, allowed)
        if bad and on_table_failure == "fail":
            raise FabricError(
                f"asset {start.asset}: {len(bad)} of {len(tables)} tables of SQL endpoint "
                f"{state.endpoint.display_name!r} are not up to date: {failures(bad)}. The endpoint shows their older "
                "state. What may fail can be named in `allow_failed_tables`.",
                error_code=bad[0].error_code or "TableSyncFailed",
                retriable=True,
            )
        return JobOutcome(
            item=state.endpoint,
            workspace=state.workspace,
            job_instance=JobInstance(state.operation_id or "", state.endpoint.id, "", COMPLETED),
            parameters={},
            exit_value=None,
            started_at=state.started_at,
            ended_at=state.ended_at,
            queued_seconds=0.0,
            duration_seconds=(state.ended_at - state.started_at).total_seconds(),
            links={},
            details={_STATE: state, _MISSING: not_told},
        )

    def report(
        outcome: JobOutcome, attempts: int, checks: Sequence[dg.AssetCheckSpec]
    ) -> tuple[Mapping[str, Any], Sequence[dg.AssetCheckResult]]:
        state, not_told = outcome.details[_STATE], outcome.details[_MISSING]
        bad = failed(state.tables or (), allowed)
        checked = [in_sync(bad, not_told, state.tables)] if checks else []
        return endpoint_metadata(state, not_told, attempts), checked

    return build_job_asset(
        asset_key,
        run,
        {
            "timeout_seconds": 900.0,
            "kinds": ("fabric", "sql"),
            **options,
            "check_specs": [
                dg.AssetCheckSpec(
                    IN_SYNC_CHECK,
                    asset=asset_key,
                    description="The SQL endpoint shows what the lakehouse holds.",
                )
            ],
        },
        definition_metadata=_where(definition, workspace),
        description=f"The SQL endpoint of {name}, up to date.",
        problems=[
            *_misplaced(options),
            None
            if (lakehouse is None) != (sql_endpoint is None)
            else "give either lakehouse or sql_endpoint",
            None if name is None else name_problem("lakehouse or SQL endpoint", name),
            _one_of("on_table_failure", on_table_failure, ("fail", "warn")),
        ],
        report=report,
    )


def semantic_model_refresh(
    key: dg.AssetKey | str | Sequence[str],
    *,
    semantic_model: str,
    workspace: str | None = None,
    refresh_type: str | Argument = "full",
    commit_mode: str = "transactional",
    objects: Sequence[Mapping[str, str | Argument] | str] = (),
    max_parallelism: int | None = None,
    retry_count: int | None = None,
    apply_refresh_policy: bool | None = None,
    effective_date: date | str | Argument | None = None,
    **options: Unpack[JobAssetOptions],
) -> dg.AssetsDefinition:
    """An asset that is materialized by a refresh of a Power BI semantic model (Power BI's enhanced refresh).

    The refresh is started once, watched, taken over after a crash and cancelled as a notebook's job instance is. While
    another refresh of the model runs, whoever started it, it waits for its end, for ``timeout_seconds`` at most.

    Example::

        semantic_model_refresh(
            "SalesModel",
            semantic_model="Sales",
            objects=[{"table": "FactSales", "partition": partition_key()}, "DimCustomer"],
            partitions_def=months,
            deps=["CuratedSql"],
        )

    Args:
        key: key of the asset.
        semantic_model: display name or GUID of the semantic model.
        workspace: display name or GUID of its workspace; ``None``: the resource's.
        refresh_type: ``full``, ``clearValues``, ``calculate``, ``dataOnly``, ``automatic``, ``defragment``; or a
            ``config_field(str, default="full")``, so that the launchpad can say it.
        commit_mode: ``transactional``, or ``partialBatch``: what has been loaded stays when something else fails.
        objects: what is refreshed: tables by name, or ``{"table": ..., "partition": ...}``; none: the whole model. A
            partition may come from the partition key: ``partition_key()``, ``partition_start("Sales-%Y%m")``.
        max_parallelism: how many objects are refreshed at a time; ``None``: Power BI's 10.
        retry_count: how often Power BI itself tries again; ``None``: not at all.
        apply_refresh_policy: whether the model's incremental refresh policy is applied; ``None``: Power BI's ``True``.
        effective_date: the day that the policy counts as today, ``2024-05-31``; also
            ``partition_end("%Y-%m-%d")`` and the like.
        **options: all that ``notebook_asset`` takes and is not about notebooks or arguments, with the same meaning;
            ``timeout_seconds``, an hour if it is not set, covers all attempts of Power BI.

    Raises:
        dagster.DagsterInvalidDefinitionError: an option that cannot work, with the asset's name.
    """
    request = ModelRefreshRequest(
        refresh_type=refresh_type,
        commit_mode=commit_mode,
        objects=objects,
        max_parallelism=max_parallelism,
        retry_count=retry_count,
        apply_refresh_policy=apply_refresh_policy,
        effective_date=effective_date,
    )

    async def run(start: JobStart) -> JobOutcome:
        fabric: FabricResource = start.resource
        body = request.body(start.parameters, start.options["timeout_seconds"])
        return await fabric.refresh_semantic_model_async(
            semantic_model,
            asset=start.asset,
            workspace=workspace,
            log=start.log,
            ledger=start.ledger,
            parameters=body,
            body=body,
            **start.options,
        )

    return build_job_asset(
        key,
        run,
        {
            "timeout_seconds": 3600.0,
            "kinds": ("fabric", "powerbi", "semantic_model"),
            **options,
            "arguments": request.arguments,
        },
        definition_metadata=_where({SEMANTIC_MODEL_METADATA: semantic_model}, workspace),
        description=f"The semantic model {semantic_model}, refreshed.",
        problems=[
            *_misplaced(options),
            name_problem("semantic model", semantic_model),
            *request.problems(options.get("backfill_policy")),
        ],
        argument_problem=lambda name, value: None if isinstance(value, str) else f"{name} must be text",
        report=lambda outcome, attempts, checks: (model_metadata(outcome, attempts), ()),
    )


def _where(definition: dict[str, str], workspace: str | None) -> dict[str, str]:
    return {**definition, WORKSPACE_METADATA: workspace} if workspace else definition


def _misplaced(options: JobAssetOptions) -> Iterable[str]:
    for name in _NOT_FOR_REFRESHES:
        if options.get(name):
            yield f"a refresh has no `{name}`"


def _one_of(name: str, value: str, known: Sequence[str]) -> str | None:
    return None if value in known else f"{name} is {value!r}, but must be one of {', '.join(known)}"
