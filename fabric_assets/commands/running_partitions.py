"""The partition, or the range of partitions, that ``fabric-assets run`` is asked for."""

from collections.abc import Iterable, Mapping, Sequence

import dagster as dg

# Not public: what Dagster's own `asset materialize` reads partitions with, and the tags that it sets for a range.
from dagster._core.definitions.backfill_policy import BackfillPolicyType
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.tags import ASSET_PARTITION_RANGE_END_TAG, ASSET_PARTITION_RANGE_START_TAG

from fabric_assets.commands.output import UsageError
from fabric_assets.near_names import nearest

RANGE = "..."  # Dagster lets no key hold it


def partition_tags(
    job: dg.JobDefinition, keys: frozenset[dg.AssetKey], partition: str | None, instance: dg.DagsterInstance
) -> Mapping[str, str]:
    """The tags of a run of these assets.

    Args:
        job: the job of Dagster that holds them.
        keys: the assets.
        partition: a partition's key, or two with ``...`` between them; both belong to the range.
        instance: knows dynamic partitions.

    Raises:
        UsageError: the assets have other partitions or none, or do not run a range at once.
    """
    partitioned = sorted(key for key in keys if job.asset_layer.get(key).partitions_def is not None)
    if not partitioned:
        if partition is not None:
            raise UsageError(f"--partition {partition}: none of the selected assets has partitions")
        return {}
    definition = job.asset_layer.get(partitioned[0]).partitions_def
    assert definition is not None  # noqa: S101 -- see above
    if any(job.asset_layer.get(key).partitions_def != definition for key in partitioned):
        raise UsageError(
            f"the selected assets have different partitions ({_names(partitioned)}); run them one after the other"
        )
    name = partitioned[0].to_user_string()
    with partition_loading_context(dynamic_partitions_store=instance):
        known = definition.get_partition_keys()
        if partition is None:
            examples = f"such as {', '.join(known[-3:])}" if known else "of which there is none yet"
            raise UsageError(f"asset {name} has partitions; name one with --partition KEY, {examples}")
        first, is_range, last = partition.partition(RANGE)
        if not is_range:
            _look_up(partition, definition, known, name)
            return job.get_tags_for_partition_key(partition, selected_asset_keys=keys)
        for end in (first, last):
            _look_up(end, definition, known, name)
        if not definition.get_partition_keys_in_range(dg.PartitionKeyRange(first, last)):
            raise UsageError(
                f"--partition {partition}: {first} comes after {last}; write {last}{RANGE}{first}"
            )
    one_each = [key for key in partitioned if not _runs_a_range_at_once(job, key)]
    if one_each:
        raise UsageError(
            f"--partition {partition}: a range is one run only for assets with "
            f"`backfill_policy=dg.BackfillPolicy.single_run()`, unlike {_names(one_each)}. Run one partition after "
            "another, or start a backfill in Dagster's UI"
        )
    return {ASSET_PARTITION_RANGE_START_TAG: first, ASSET_PARTITION_RANGE_END_TAG: last}


def _look_up(
    partition: str, definition: "dg.PartitionsDefinition[str]", known: Sequence[str], asset: str
) -> None:
    if not definition.has_partition_key(partition):
        span = f"there are {len(known)}, from {known[0]} to {known[-1]}" if known else "there is none yet"
        raise UsageError(f"asset {asset} has no partition {partition!r}; {span}{nearest(partition, known)}")


def _runs_a_range_at_once(job: dg.JobDefinition, key: dg.AssetKey) -> bool:
    policy = job.asset_layer.get(key).backfill_policy
    return policy is not None and policy.policy_type is BackfillPolicyType.SINGLE_RUN


def _names(keys: Iterable[dg.AssetKey]) -> str:
    return ", ".join(key.to_user_string() for key in keys)
