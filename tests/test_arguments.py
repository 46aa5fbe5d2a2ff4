"""Arguments of a notebook: what is refused at definition time, what is sent."""

from datetime import datetime
from enum import Enum, StrEnum
from typing import Any

import dagster as dg
import pytest

from fabric_assets.arguments import (
    Arguments,
    Launch,
    PartitionEdge,
    config_field,
    exit_value_of,
    fixed,
    partition_end,
    partition_key,
    partition_start,
)
from fabric_assets.item_assets import json_problem


class Mode(Enum):
    FULL = "full"


class Source(StrEnum):
    ERP = "erp"


def launch(config: dict[str, Any] | None = None, **of_partitions: Any) -> Launch:
    return Launch(config or {}, lambda key: f"exit value of {key.to_user_string()}", **of_partitions)


def test_plain_values_are_typed_fields_of_the_run_config_with_a_default() -> None:
    schema = Arguments(
        "DimX", {"recreate": False, "n": 3, "f": 0.5, "s": "a"}, partitioned=False
    ).config_schema

    assert schema is not None
    kinds = {name: (field.config_type.given_name, field.default_value) for name, field in schema.items()}
    assert kinds == {
        "recreate": ("Bool", False),
        "n": ("Int", 3),
        "f": ("Float", 0.5),
        "s": ("String", "a"),
    }


STRUCTURED: dict[str, Any] = {
    "tables": ["a", None, {"b": [1]}],
    "days": (1, 2),
    "options": {"full": True, "since": None},
    "source": Source.ERP,
    "nothing": None,
}
AS_SENT = {**STRUCTURED, "days": [1, 2], "source": "erp"}


def test_lists_objects_and_none_are_fields_too_of_what_takes_them() -> None:
    arguments = Arguments("Raw", STRUCTURED, partitioned=False, problem=json_problem)

    @dg.op(config_schema=arguments.config_schema)
    def send(context: dg.OpExecutionContext) -> None:
        sent.append(arguments.values(launch(context.op_config)))

    @dg.job
    def sending() -> None:
        send()

    def started_with(config: dict[str, Any]) -> dict[str, Any]:
        sending.execute_in_process(run_config={"ops": {"send": {"config": config}}})
        return sent[-1]

    sent: list[dict[str, Any]] = []
    assert started_with({}) == AS_SENT == arguments.described()
    given = {"tables": ["c"], "options": {}, "days": [], "nothing": {"x": 1}}
    assert started_with(given) == {**AS_SENT, **given}
    with pytest.raises(dg.DagsterInvalidConfigError, match="must be list"):
        started_with({"tables": "c"})
    with pytest.raises(dg.DagsterInvalidConfigError, match="must be dict"):
        started_with({"options": ["c"]})


def test_lists_and_objects_can_be_required_fields_and_fixed() -> None:
    arguments = Arguments(
        "Raw",
        {"tables": config_field(list), "options": config_field(dict, default={"a": 1}), "f": fixed([None])},
        partitioned=False,
        problem=json_problem,
    )

    schema = arguments.config_schema
    assert schema is not None
    assert (schema["tables"].is_required, schema["options"].default_value) == (True, {"a": 1})
    values = arguments.values(launch({"tables": ["a"], "options": {"a": 2}}))
    assert values == {"tables": ["a"], "options": {"a": 2}, "f": [None]}


def test_a_config_field_without_default_is_required() -> None:
    schema = Arguments(
        "DimX", {"day": config_field(str, description="which day")}, partitioned=False
    ).config_schema

    assert schema is not None
    assert schema["day"].is_required
    assert schema["day"].description == "which day"


def test_values_come_from_run_config_partition_and_the_definition() -> None:
    arguments = Arguments(
        "DimX",
        {"recreate": False, "ratio": 1.0, "source": fixed("erp"), "day": partition_key()},
        partitioned=True,
    )

    values = arguments.values(launch({"recreate": True, "ratio": 2}, partition="2026-01-31"))

    assert values == {"recreate": True, "ratio": 2.0, "source": "erp", "day": "2026-01-31"}
    assert type(values["ratio"]) is float


def test_values_come_from_ranges_of_partitions_and_from_other_assets() -> None:
    arguments = Arguments(
        "DimX",
        {
            "first": partition_start(),
            "last": partition_end(),
            "begin": partition_start("%Y-%m-%d"),
            "end": partition_end("%Y-%m-%dT%H"),
            "path": exit_value_of(["bronze", "Extract"]),
        },
        partitioned=False,
        ranges=True,
    )

    values = arguments.values(
        launch(
            key_range=("2026-01-01", "2026-01-03"), time_window=(datetime(2026, 1, 1), datetime(2026, 1, 4))
        )
    )

    assert values == {
        "first": "2026-01-01",
        "last": "2026-01-03",
        "begin": "2026-01-01",
        "end": "2026-01-04T00",
        "path": "exit value of bronze/Extract",
    }
    assert arguments.upstream(["other"]) == [dg.AssetKey(["bronze", "Extract"])]
    assert arguments.upstream([dg.AssetDep(["bronze", "Extract"])]) == []


def test_a_time_of_partitions_that_are_no_spans_of_time_fails_with_the_arguments_name() -> None:
    arguments = Arguments("DimX", {"begin": partition_start("%Y")}, partitioned=True)

    with pytest.raises(dg.Failure, match="argument 'begin' takes a time in the format '%Y'"):
        arguments.values(launch(partition="eu", key_range=("eu", "eu")))


@pytest.mark.parametrize("edge", [partition_start(), partition_end("%Y-%m-%d")], ids=["key", "time"])
def test_a_run_without_partitions_fails_where_an_argument_takes_them(edge: PartitionEdge) -> None:
    arguments = Arguments("DimX", {"edge": edge}, partitioned=False, ranges=True)

    with pytest.raises(dg.Failure, match=r"'edge' takes the begin or end .* but the run names none"):
        arguments.values(launch())


def test_arguments_without_run_config_have_no_schema() -> None:
    assert Arguments("DimX", {"source": fixed("erp")}, partitioned=False).config_schema is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        pytest.param({"when": {"a": 1}}, "'when' has the type dict, which Fabric has not", id="dict"),
        pytest.param({"when": None}, "'when' has the type NoneType", id="none"),
        pytest.param({"rows": [1]}, "'rows' has the type list", id="list"),
        pytest.param({"rows": fixed([1])}, "'rows' has the type list", id="fixed-list"),
        pytest.param({"rows": config_field(list)}, "'rows' has the type list", id="list-field"),
        pytest.param({"mode": Mode.FULL}, "'mode' has the type Mode", id="enum"),
        pytest.param({"day": config_field(bytes)}, "'day' has the type bytes", id="bytes-field"),  # type: ignore[type-var]
        pytest.param({"n": config_field(int, default="x")}, "default 'x' is no int", id="wrong-default"),
        pytest.param({"n": float("nan")}, "'n' is nan, which JSON cannot carry", id="nan"),
        pytest.param({"n": 2**63}, "does not fit into 64 bits", id="too-large"),
        pytest.param({"my day": 1}, "no valid name of a variable", id="blank-in-name"),
        pytest.param({"n": 1, "N": 2}, "'n' and 'N' differ only in case", id="case"),
        pytest.param({"day": partition_key()}, "has no partitions", id="partition-key-without-partitions"),
        pytest.param({"day": partition_end()}, "the asset has none", id="partition-end-without-partitions"),
    ],
)
def test_what_fabric_cannot_take_is_refused_with_the_assets_name(arguments: dict, message: str) -> None:
    with pytest.raises(dg.DagsterInvalidDefinitionError, match="asset sales/DimX: ") as caught:
        Arguments("sales/DimX", arguments, partitioned=False)

    assert message in str(caught.value)
