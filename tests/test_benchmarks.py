"""The benchmarks in small, so that they keep working: what they count, not how long it takes."""

from dataclasses import replace

import pytest

from benchmarks import graphs, load_time, partitions, scale
from benchmarks.figures import highest_in_a_minute
from benchmarks.graphs import Graph, Notebook
from benchmarks.scale_definitions import MULTIPROCESS_JOB, ONE_PROCESS_JOB

RESOURCE = {"calls_per_minute": 200, "poll_seconds": 0.3}
CHAIN = (Notebook("A", (), 0.2), Notebook("B", (), 0.1, 0.1), Notebook("C", ("A", "B"), 0.1))


@pytest.mark.parametrize("job", [ONE_PROCESS_JOB, MULTIPROCESS_JOB])
def test_a_run_is_measured(job: str) -> None:
    graph = Graph(CHAIN, resource=RESOURCE)

    measured = scale.measure(scale.Case("three notebooks", lambda _: graph, job), graph)

    assert [one.ran.succeeded for one in measured] == [True]
    found = measured[0]
    assert (found.ran.job_instances, found.ran.sessions, found.ran.failed_steps) == (3, 3, 0)
    assert found.calls.kinds["starts"] == 3
    assert found.calls.refused == 0
    assert found.calls.total == sum(found.calls.kinds.values()) == found.calls.highest["all"]
    assert found.ran.start_delay.mean is not None
    assert found.ran.start_delay.mean > 0
    assert found.used.cpu_seconds > 0
    assert found.used.peak_mb > 50
    scale.report(graph, 1, found)


def test_a_full_capacity_and_shared_sessions_are_measured() -> None:
    notebooks = graphs.independent(4, 0.1, 0.2, seed=1, session_start=(0.0, 0.1))
    graph = Graph(notebooks, share_session=True, resource={**RESOURCE, "capacity_wait_seconds": 0.3}, slots=3)

    measured = scale.measure(scale.Case("four notebooks", lambda _: graph, runs=2), graph)

    assert [one.ran.succeeded for one in measured] == [True, True]
    assert all(one.ran.job_instances >= 4 for one in measured)
    assert all(one.ran.sessions < one.ran.job_instances for one in measured)


def test_partitions_are_counted_and_their_memory_is_sampled() -> None:
    figures = partitions.measure(2, 2, seconds=(0.1, 0.2))

    assert figures.completed == 4
    assert [runs for runs, _ in figures.samples] == [1, 2]
    assert figures.calls.refused == 0


@pytest.mark.parametrize("kind", ["notebooks", "plain"])
def test_load_time_is_measured_part_by_part(kind: str) -> None:
    assert all(seconds >= 0 for seconds in load_time.load_seconds(kind, 5).values())


def test_bounds_of_a_graph() -> None:
    graph = Graph(CHAIN)

    assert graph.critical_path_seconds() == pytest.approx(0.3)
    assert graph.packed_seconds(1) == pytest.approx(0.5)
    assert graph.packed_seconds(2) == pytest.approx(0.3)
    assert replace(graph, partitions=100).two_calls_seconds(200) == 120.0


def test_longest_first_packs_better_than_the_order_of_names() -> None:
    graph = Graph((Notebook("A", (), 1.0), Notebook("B", (), 1.0), Notebook("C", (), 2.0)))

    assert graph.packed_seconds(2) == 2.0
    assert graph.packed_seconds(2, longest_first=False) == 3.0


def test_calls_of_a_minute_are_those_of_the_fullest_one() -> None:
    seconds = [0, 30, 59, 60, 61, 200]

    assert highest_in_a_minute([second * 10**9 for second in seconds]) == 4


def test_every_case_has_a_graph_that_depends_on_its_seed_only() -> None:
    for case in scale.CASES.values():
        assert case.graph(3) == case.graph(3)
        assert case.graph(3) != case.graph(4)
