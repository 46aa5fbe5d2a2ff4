"""What assets of all kinds of jobs share: arguments, ledger, retries, metadata, checks."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypedDict

import dagster as dg

from fabric_assets.arguments import Argument, Arguments, launch_of
from fabric_assets.client.compute import parameter_problem
from fabric_assets.client.errors import FabricError, JobInstanceError
from fabric_assets.instance_ledger import InstanceLedger
from fabric_assets.jobs.job import JobOutcome
from fabric_assets.materialization import check_results, failure, outcome_metadata
from fabric_assets.past_durations import expected_seconds
from fabric_assets.pipes.reported import Reported
from fabric_assets.table_specs import specs_of_tables

RESOURCE_KEY = "fabric"
WORKSPACE_METADATA = "fabric/workspace"
ARGUMENTS_METADATA = "fabric/arguments"
"""Definition metadata of an asset: its arguments, name to value or to what the value comes from."""

_COLUMN_LINEAGE = "dagster/column_lineage"


class JobAssetOptions(TypedDict, total=False):
    """Options of every asset that a job instance materializes; ``notebook_asset`` tells what each one means."""

    deps: Iterable[Any]
    arguments: Mapping[str, Argument] | None
    retry: int
    retry_interval_seconds: float
    timeout_seconds: float | None
    description: str | None
    group_name: str | None
    owners: Sequence[str] | None
    tags: Mapping[str, str] | None
    kinds: Iterable[str]
    metadata: Mapping[str, Any] | None
    partitions_def: dg.PartitionsDefinition | None
    backfill_policy: dg.BackfillPolicy | None
    pool: str | None
    automation_condition: dg.AutomationCondition | None
    freshness_policy: dg.FreshnessPolicy | None
    check_specs: Sequence[dg.AssetCheckSpec] | None
    retry_policy: dg.RetryPolicy | None
    run_again_if_deduped: bool
    op_tags: Mapping[str, Any] | None
    tables: Sequence[dg.AssetSpec]
    resource_key: str
    asset_options: Mapping[str, Any]
    """Everything else that ``@dagster.asset`` takes."""


@dataclass(frozen=True)
class JobStart:
    """One materialization that is about to start its job instance.

    Attributes:
        context: the step's context.
        resource: the resource under the asset's ``resource_key``.
        asset: name of the asset, for messages.
        parameters: values of its arguments.
        ledger: its notes.
        options: what else every job has, for ``fabric_assets.jobs.job.Job``.
        key: key of the asset.
        partition: key of the partition, ``None`` if there is none or there are several.
        reported: takes what the job instance reports by other ways than its exit value.
    """

    context: dg.AssetExecutionContext
    resource: Any
    asset: str
    parameters: Mapping[str, Any]
    ledger: InstanceLedger
    options: Mapping[str, Any]
    key: dg.AssetKey
    partition: str | None
    reported: Reported = field(default_factory=Reported)

    def log(self, level: int, text: str) -> None:
        """Write a line to the run's log."""
        self.context.log.log(level, text)


Run = Callable[[JobStart], Awaitable[JobOutcome]]
"""Starts the job instance and waits for its end; raises ``FabricError`` if it does not complete."""

ReadTable = Callable[[JobStart, Mapping[str, Any], str], Awaitable[Mapping[str, Any]]]
"""Metadata of the table that a definition's metadata names, for the asset of that name."""


Report = Callable[
    [JobOutcome, int, Sequence[dg.AssetCheckSpec]], tuple[Mapping[str, Any], Sequence[dg.AssetCheckResult]]
]
"""Metadata and check results of a completed job instance, from the number of attempts it took and the check specs."""


async def no_table(start: JobStart, definition: Mapping[str, Any], asset: str) -> Mapping[str, Any]:
    """Nothing: the asset has no table that could be read."""
    return {}


def exit_value_report(
    outcome: JobOutcome, attempts: int, checks: Sequence[dg.AssetCheckSpec]
) -> tuple[Mapping[str, Any], Sequence[dg.AssetCheckResult]]:
    """What every job instance has, and the checks that its exit value reports."""
    return outcome_metadata(outcome, attempts=attempts), check_results(outcome.exit_value, checks)


def build_job_asset(
    key: dg.AssetKey | str | Sequence[str],
    run: Run,
    options: JobAssetOptions,
    *,
    definition_metadata: Mapping[str, Any],
    description: str,
    problems: Iterable[str | None] = (),
    argument_problem: Callable[[str, Any], str | None] = parameter_problem,
    read_table: ReadTable = no_table,
    report: Report = exit_value_report,
) -> dg.AssetsDefinition:
    """An asset that is materialized by a job instance.

    Args:
        key: key of the asset.
        run: starts the job instance and waits for its end.
        options: see ``JobAssetOptions``.
        definition_metadata: what is run, as metadata of the definition.
        description: the description if ``options`` has none.
        problems: what is wrong with the caller's own options.
        argument_problem: why the service could not take a parameter of this name and value; ``None`` if it can.
        read_table: tells of a table after the job instance has completed.
        report: what a completed job instance becomes for Dagster.

    Raises:
        dagster.DagsterInvalidDefinitionError: an option that cannot work, with the asset's name.
    """
    asset_key = dg.AssetKey.from_coercible(key)
    name = asset_key.to_user_string()
    retry, retry_interval_seconds = options.get("retry", 1), options.get("retry_interval_seconds", 10.0)
    timeout_seconds = options.get("timeout_seconds", 300.0)
    _refuse(name, [*problems, *_problems(retry, retry_interval_seconds, timeout_seconds)])
    partitions_def, backfill_policy = options.get("partitions_def"), options.get("backfill_policy")
    all_deps, more = list(options.get("deps", ())), dict(options.get("asset_options") or {})
    tables = _tables(name, options, all_deps, more)
    if tables:
        partitions_def = tables[0].partitions_def
    single_run = backfill_policy is not None and backfill_policy.max_partitions_per_run != 1
    one_partition = partitions_def is not None and not single_run
    arguments = Arguments(
        name,
        options.get("arguments") or {},
        partitioned=one_partition,
        ranges=single_run,
        problem=argument_problem,
    )
    all_deps += arguments.upstream(all_deps)
    checks = list(options.get("check_specs") or ())
    resource_key = options.get("resource_key", RESOURCE_KEY)
    # Not given to the op: there, Dagster also retries a step whose run is terminated, and so starts its job anew.
    policy = options.get("retry_policy") or dg.RetryPolicy(max_retries=retry, delay=retry_interval_seconds)
    told = (
        {ARGUMENTS_METADATA: dg.MetadataValue.json(described)} if (described := arguments.described()) else {}
    )
    defined = {**definition_metadata, **told}
    metadata = {**defined, **(options.get("metadata") or {})}
    specs = [
        spec.merge_attributes(deps=arguments.upstream(spec.deps)).replace_attributes(
            metadata={**defined, **spec.metadata}
        )
        for spec in tables
    ]

    async def load(context: dg.AssetExecutionContext) -> Any:
        keys = _present_keys(made, context.assets_def)
        key = _present_key(asset_key, tables, keys)
        asset = key.to_user_string()
        if partitions_def is None and context.assets_def.partitions_def is not None:
            raise _late_partitions(asset)
        partition = context.partition_key if one_partition else None
        loaded_key = keys[tables[0].key] if tables else key
        present_checks = [_with_present_key(spec, keys) for spec in checks]
        step = str(context.op_execution_context.op_handle)
        retry_wait_seconds = (
            policy.calculate_delay(context.retry_number + 1)
            if context.retry_number < policy.max_retries
            else None
        )
        start = JobStart(
            context=context,
            resource=getattr(context.resources, resource_key),
            asset=asset,
            parameters=arguments.values(launch_of(context, asset, partition, keys)),
            ledger=InstanceLedger(
                context.instance,
                context.run,
                step,
                key,
                partition,
                tables=[keys[table.key] for table in tables],
            ),
            options={
                "timeout_seconds": timeout_seconds,
                "run_again_if_deduped": options.get("run_again_if_deduped", False),
                "expected_seconds": expected_seconds(context.instance, loaded_key, partition),
                "retry_wait_seconds": retry_wait_seconds,
            },
            key=key,
            partition=partition,
        )
        try:
            outcome = await run(start)
        except FabricError as error:
            left_running = None
            if not isinstance(error, JobInstanceError):
                left_running = await asyncio.to_thread(start.ledger.left_running)
            failed = start.reported.added_to(failure(error, left_running))
            if error.retriable and retry_wait_seconds is not None:
                waited = isinstance(error, JobInstanceError) and error.may_still_run
                raise dg.RetryRequested(
                    max_retries=policy.max_retries,
                    seconds_to_wait=0 if waited else retry_wait_seconds,
                ) from failed
            raise failed from None
        unreported = start.reported.unreported(present_checks)
        known, checked = report(outcome, context.retry_number + 1, unreported)
        checked = [*start.reported.check_results(present_checks), *checked]

        async def materialized(key: dg.AssetKey, definition: Mapping[str, Any]) -> dg.MaterializeResult:
            told = await read_table(start, definition, key.to_user_string())
            of_it = [each for each in checked if (each.asset_key or loaded_key) == key]
            return _materialized(key, definition, start.reported, {**known, **told}, of_it)

        if not tables:
            return await materialized(key, metadata)
        return tuple([await materialized(keys[table.key], table.metadata) for table in tables])

    # Dagster would check the outputs against it, and it is one result or a tuple of them.
    del load.__annotations__["return"]
    op_options: dict[str, Any] = {
        "config_schema": arguments.config_schema,
        "required_resource_keys": {resource_key, *more.pop("required_resource_keys", ())},
        "partitions_def": partitions_def,
        "backfill_policy": backfill_policy,
        "pool": options.get("pool"),
        "check_specs": checks or None,
        "op_tags": options.get("op_tags"),
        **more,
    }
    decorate: Callable[[Callable[..., Any]], dg.AssetsDefinition]
    if tables:
        op_name = re.sub(r"[^A-Za-z0-9_]", "_", "__".join(asset_key.path))
        decorate = dg.multi_asset(
            name=op_name, specs=specs, description=options.get("description"), **op_options
        )
    else:
        decorate = dg.asset(
            key=asset_key,
            deps=all_deps,
            description=options.get("description") or description,
            group_name=options.get("group_name"),
            owners=options.get("owners"),
            tags=options.get("tags"),
            kinds=set(options.get("kinds", ("fabric",))),
            metadata=metadata,
            automation_condition=options.get("automation_condition"),
            freshness_policy=options.get("freshness_policy"),
            **op_options,
        )
    made = decorate(load)
    return made


def _present_keys(
    made: dg.AssetsDefinition, loaded: dg.AssetsDefinition
) -> Mapping[dg.AssetKey, dg.AssetKey]:
    """The keys that a definition was made with, its own and its dependencies', to those that it has now.

    What loads it can put a prefix before them (``load_assets_from_modules``) or replace them.
    """
    outputs, inputs = loaded.keys_by_output_name, loaded.keys_by_input_name
    return {
        **{key: inputs.get(name, key) for name, key in made.keys_by_input_name.items()},
        **{key: outputs[name] for name, key in made.keys_by_output_name.items()},
    }


def _present_key(
    made_with: dg.AssetKey, tables: Sequence[dg.AssetSpec], keys: Mapping[dg.AssetKey, dg.AssetKey]
) -> dg.AssetKey:
    """What a definition goes by now. With several tables it is no asset's key, and stays unless they got others."""
    if not tables:
        return keys[made_with]
    first = tables[0].key
    return made_with if keys[first] == first else keys[first]


def _with_present_key(spec: dg.AssetCheckSpec, keys: Mapping[dg.AssetKey, dg.AssetKey]) -> dg.AssetCheckSpec:
    return spec.replace_key(dg.AssetCheckKey(keys[spec.asset_key], spec.name))


def _tables(
    name: str, options: JobAssetOptions, deps: Sequence[Any], more: dict[str, Any]
) -> Sequence[dg.AssetSpec]:
    """The specs of the tables, with what is said of all of them."""
    tables = options.get("tables", ())
    if not tables:
        return ()
    try:
        return specs_of_tables(
            tables,
            deps=deps,
            tags=options.get("tags"),
            metadata=options.get("metadata"),
            kinds=options.get("kinds", ("fabric",)),
            partitions_def=options.get("partitions_def"),
            description=options.get("description"),
            group_name=options.get("group_name"),
            owners=options.get("owners"),
            automation_condition=options.get("automation_condition"),
            freshness_policy=options.get("freshness_policy"),
            code_version=more.pop("code_version", None),
        )
    except ValueError as error:
        raise dg.DagsterInvalidDefinitionError(f"asset {name}: {error}") from error


def _late_partitions(asset: str) -> dg.Failure:
    """Of an asset that got its partitions after it was made: its arguments cannot know them."""
    return dg.Failure(
        f"asset {asset} got its partitions after it was made (`post_processing` or `map_asset_specs`), so its job "
        "instance cannot be told which one to load. Nothing was started. Give them where the asset is made: as "
        "`partitions` in the YAML of the component, as `partitions_def` of the factory or of the translator.",
        allow_retries=False,
    )


def name_problem(what: str, name: str) -> str | None:
    """Why this can be no display name and no GUID of an item, ``None`` if it can."""
    if name and name == name.strip():
        return None
    return f"{what} {name!r} is no display name and no GUID"


def _materialized(
    key: dg.AssetKey,
    definition: Mapping[str, Any],
    reported: Reported,
    known: Mapping[str, Any],
    checked: Sequence[dg.AssetCheckResult],
) -> dg.MaterializeResult:
    # Dagster shows the lineage of columns from a materialization, not from a definition.
    columns = {_COLUMN_LINEAGE: definition[_COLUMN_LINEAGE]} if _COLUMN_LINEAGE in definition else {}
    return dg.MaterializeResult(
        asset_key=key,
        metadata={**columns, **reported.metadata(key), **known},
        check_results=checked,
        data_version=reported.data_version(key),
    )


def _problems(
    retry: int, retry_interval_seconds: float, timeout_seconds: float | None
) -> Iterable[str | None]:
    if type(retry) is not int or retry < 0:
        yield f"retry must be a whole number from 0, it is {retry!r}"
    if retry_interval_seconds < 0:
        yield f"retry_interval_seconds must not be negative, it is {retry_interval_seconds!r}"
    if timeout_seconds is not None and timeout_seconds <= 0:
        yield f"timeout_seconds must be positive or None, it is {timeout_seconds!r}"


def _refuse(asset: str, problems: Iterable[str | None]) -> None:
    found = [problem for problem in problems if problem]
    if found:
        raise dg.DagsterInvalidDefinitionError(f"asset {asset}: " + "; ".join(found))
