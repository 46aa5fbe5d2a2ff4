"""How long an asset's job instance is likely to take, from materializations that Dagster has stored."""

from collections.abc import Iterator

import dagster as dg
import pytest

from fabric_assets.past_durations import DURATION_METADATA, expected_seconds

KEY = dg.AssetKey("DimX")


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def store(instance: dg.DagsterInstance, seconds: object, partition: str | None = None) -> None:
    metadata = {} if seconds is None else {DURATION_METADATA: seconds}
    instance.report_runless_asset_event(
        dg.AssetMaterialization(KEY, partition=partition, metadata=metadata)  # type: ignore[arg-type]
    )


def test_without_a_past_nothing_is_expected(instance: dg.DagsterInstance) -> None:
    assert expected_seconds(instance, KEY, None) is None


def test_the_median_of_the_latest_counts(instance: dg.DagsterInstance) -> None:
    for seconds in (1000.0, 10.0, 500.0, 30, 20.0, 40.0):
        store(instance, seconds)

    assert expected_seconds(instance, KEY, None) == 30.0


def test_materializations_that_tell_no_duration_are_left_out(instance: dg.DagsterInstance) -> None:
    for seconds in (20.0, None, "long", 40.0):
        store(instance, seconds)

    assert expected_seconds(instance, KEY, None) == 30.0


def test_a_partition_has_its_own_past_else_that_of_the_others(instance: dg.DagsterInstance) -> None:
    store(instance, 100.0, "a")
    store(instance, 10.0, "b")

    assert expected_seconds(instance, KEY, "a") == 100.0
    assert expected_seconds(instance, KEY, "c") == 55.0
