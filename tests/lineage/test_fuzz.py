"""Notebooks that nobody would write: each has a result, in bounded time and memory."""

from tests.lineage.fuzzing import fuzz


def test_mutated_and_growing_notebooks_give_a_result_and_no_exception() -> None:
    """A sample; ``python -m benchmarks.fuzz_lineage`` runs 10,000."""
    assert fuzz(seed=7, count=300).problems == {}
