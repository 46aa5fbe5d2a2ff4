"""Assets whose keys got a prefix after they were made, as Dagster's loaders of modules put one before them."""

from types import ModuleType
from typing import Any

import dagster as dg
import pytest

from fabric_assets import exit_value_of, notebook_asset, partition_key
from tests.conftest import Simulate, resource

PARTITIONS = dg.StaticPartitionsDefinition(["a", "b"])
SOURCE = notebook_asset("Source", notebook="Extract")
PARTITIONED = notebook_asset("Source", notebook="Extract", partitions_def=PARTITIONS)


def loaded(prefix: str, *assets: dg.AssetsDefinition) -> list[Any]:
    module = ModuleType("loads")
    for number, asset in enumerate(assets):
        setattr(module, f"asset_{number}", asset)
    return list(dg.load_assets_from_modules([module], key_prefix=prefix))


@pytest.mark.parametrize(
    ("assets", "partition", "keys"),
    [
        pytest.param([SOURCE], None, ["eu/Source"], id="one"),
        pytest.param(
            [notebook_asset("Fact", notebook="Load", check_specs=[dg.AssetCheckSpec("ok", asset="Fact")])],
            None,
            ["eu/Fact"],
            id="checks",
        ),
        pytest.param(
            [
                notebook_asset(
                    "Fact",
                    notebook="Load",
                    tables=[dg.AssetSpec("t1"), dg.AssetSpec("t2")],
                    check_specs=[dg.AssetCheckSpec("ok", asset="t2")],
                )
            ],
            None,
            ["eu/t1", "eu/t2"],
            id="tables",
        ),
        pytest.param(
            [SOURCE, notebook_asset("Fact", notebook="Load", arguments={"v": exit_value_of("Source")})],
            None,
            ["eu/Source", "eu/Fact"],
            id="exit value",
        ),
        pytest.param(
            [
                PARTITIONED,
                notebook_asset(
                    "Fact",
                    notebook="Load",
                    partitions_def=PARTITIONS,
                    arguments={"v": exit_value_of("Source"), "day": partition_key()},
                ),
            ],
            "a",
            ["eu/Source", "eu/Fact"],
            id="exit value of a partition",
        ),
    ],
)
def test_a_prefix_is_part_of_the_key(
    simulate: Simulate, assets: list[dg.AssetsDefinition], partition: str | None, keys: list[str]
) -> None:
    fabric = simulate(
        notebooks=["Extract", "Load"], job_instances=[{"exit_value": '{"checks": {"ok": true}}'}]
    )

    result = dg.materialize(
        loaded("eu", *assets), resources={"fabric": resource(fabric)}, partition_key=partition
    )

    made = [
        event.materialization.asset_key.to_user_string()
        for event in result.get_asset_materialization_events()
    ]
    assert made == keys
    assert [check.passed for check in result.get_asset_check_evaluations()] == [True] * sum(
        len(list(asset.check_specs)) for asset in assets
    )
    assert len(fabric.started) == len(assets)


@pytest.mark.parametrize(
    "asset",
    [SOURCE, notebook_asset("Source", notebook="Extract", tables=[dg.AssetSpec("t1"), dg.AssetSpec("t2")])],
    ids=["one", "tables"],
)
def test_the_same_asset_under_two_prefixes_is_two_assets(
    simulate: Simulate, asset: dg.AssetsDefinition
) -> None:
    fabric = simulate(notebooks=["Extract"])

    result = dg.materialize(
        [*loaded("eu", asset), *loaded("us", asset)], resources={"fabric": resource(fabric)}
    )

    assert result.success
    assert len(fabric.started) == 2
