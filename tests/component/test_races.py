"""What is done about notebooks that write one table with no order between them."""

import logging
from pathlib import Path

import dagster as dg
import pytest

from tests.component.places import copy_table, definitions, order, pools, specs, write_notebook


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Two writers of one table, and a reader."""
    place = tmp_path / "w"
    write_notebook(place, "Load_North", copy_table("landing.north", "sales"))
    write_notebook(place, "Load_South", copy_table("landing.south", "sales"))
    write_notebook(place, "Report", copy_table("sales", "report"))
    return place


def test_writers_of_one_table_share_a_pool_of_one(workspace: Path) -> None:
    made = definitions(source=workspace)

    assert pools(made, ["North", "South", "Report"]) == ["fabric_one_writer/curated_sales"] * 2 + [None]
    assert order(made)["Report"] == {"North", "South"}


def test_writers_of_one_table_can_be_put_in_order(workspace: Path) -> None:
    made = definitions(source=workspace, races="order")

    assert pools(made, ["North", "South"]) == [None, None]
    assert order(made)["South"] == {"North", "landing/south"}


def test_the_order_of_writers_fits_the_other_dependencies(workspace: Path) -> None:
    notebooks = {"Load_North": {"deps": ["Load_Middle"]}}
    write_notebook(workspace, "Load_Middle", copy_table("landing.middle", "middle"))
    write_notebook(workspace, "Load_Zero", copy_table("landing.zero", "sales"))

    made = definitions(source=workspace, races="order", notebooks=notebooks)

    writers = {key: order(made)[key] & {"North", "South", "Zero"} for key in ("North", "South", "Zero")}
    assert sorted(map(len, writers.values())) == [0, 1, 1]


def test_races_can_be_reported_only(workspace: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        made = definitions(source=workspace, races="report")

    assert "race: Load_North, Load_South write curated.sales" in caplog.text
    assert pools(made, ["North", "South"]) == [None, None]
    assert "curated.sales" in specs(made)["North"].metadata["fabric/races"][0]


def test_a_race_that_is_allowed_is_left_alone(workspace: Path) -> None:
    allow = [{"table": "curated.sales", "reason": "each appends its own region"}]

    assert pools(definitions(source=workspace, lineage={"allow": allow}), ["North", "South"]) == [None, None]


def test_a_configured_order_is_an_order(workspace: Path) -> None:
    made = definitions(source=workspace, notebooks={"Load_South": {"deps": ["Load_North"]}})

    assert pools(made, ["North", "South"]) == [None, None]


def test_a_job_without_the_notebook_in_between_has_a_race_that_the_graph_has_not(workspace: Path) -> None:
    write_notebook(workspace, "Between", copy_table("landing.x", "x"))
    notebooks = {"Between": {"deps": ["Load_North"]}, "Load_South": {"deps": ["Between"]}}
    jobs = {"outer": {"notebooks": ["Load_North", "Load_South"]}}

    assert pools(definitions(source=workspace, notebooks=notebooks), ["North", "South"]) == [None, None]
    made = definitions(source=workspace, notebooks=notebooks, jobs=jobs)
    assert pools(made, ["North", "South"]) == ["fabric_one_writer/curated_sales"] * 2
    made = definitions(source=workspace, notebooks=notebooks, jobs=jobs, races="order")
    assert "North" in order(made)["South"]


def test_a_pool_of_the_users_own_stays(workspace: Path, caplog: pytest.LogCaptureFixture) -> None:
    both = definitions(source=workspace, defaults={"pool": "sales"})
    assert pools(both, ["North", "South"]) == ["sales", "sales"]

    with caplog.at_level(logging.WARNING):
        one = definitions(source=workspace, notebooks={"Load_North": {"pool": "mine"}})
    assert pools(one, ["North", "South"]) == ["mine", None]
    assert "race:" in caplog.text


def test_the_pool_has_a_limit_of_one_without_anybody_setting_it(workspace: Path) -> None:
    from fabric_assets.executor.one_writer import limit_one_writer_pools

    made = definitions(source=workspace)
    pool = "fabric_one_writer/curated_sales"
    with dg.instance_for_test() as instance:
        storage = instance.event_log_storage
        job = made.resolve_implicit_global_asset_job_def()
        limit_one_writer_pools(instance, job)
        assert {limit.name: limit.limit for limit in storage.get_pool_limits()} == {pool: 1}
        storage.set_concurrency_slots(pool, 3)
        limit_one_writer_pools(instance, job)
        assert {limit.name: limit.limit for limit in storage.get_pool_limits()} == {pool: 3}
