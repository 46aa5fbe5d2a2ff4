"""Lineage against the corpus, and the corpus against its own definitions."""

from __future__ import annotations

from itertools import combinations, permutations
from pathlib import Path

import pytest

from tests.lineage.score import Comparison, compare_workspace
from tests.lineage.truth import CORPUS, HOLDOUT, Edge, Race, WorkspaceTruth, workspaces

EVERY_WORKSPACE = [pytest.param(truth, id=truth.name) for truth in workspaces(CORPUS) + workspaces(HOLDOUT)]


@pytest.mark.parametrize("corpus", [CORPUS, HOLDOUT], ids=["corpus", "holdout"])
def test_lineage_of_the_corpus_is_true_and_nearly_complete(corpus: Path) -> None:
    overall = Comparison()
    for truth in workspaces(corpus):
        overall.add(compare_workspace(truth))
    assert overall.passed, "\n".join(overall.differences)


@pytest.mark.parametrize("truth", EVERY_WORKSPACE)
def test_each_notebook_of_a_folder_has_its_truth(truth: WorkspaceTruth) -> None:
    folders = {path.name.removesuffix(".Notebook") for path in truth.folder.rglob("*.Notebook")}
    assert folders == set(truth.notebooks)


@pytest.mark.parametrize("truth", EVERY_WORKSPACE)
def test_each_gap_quotes_the_source(truth: WorkspaceTruth) -> None:
    for name, notebook in truth.notebooks.items():
        source = truth.source(name)
        assert [quote for quote in notebook.unresolved if quote not in source] == []


@pytest.mark.parametrize("truth", EVERY_WORKSPACE)
def test_the_true_edges_follow_from_the_true_reads_and_writes(truth: WorkspaceTruth) -> None:
    edges = {
        Edge(up, down, table)
        for up, down in permutations(truth.notebooks, 2)
        for table in truth.notebooks[up].writes & truth.notebooks[down].reads
    }
    assert truth.edges == edges


@pytest.mark.parametrize("truth", EVERY_WORKSPACE)
def test_the_true_races_are_the_writers_without_an_order(truth: WorkspaceTruth) -> None:
    after = {name: _all_after(name, truth.edges) for name in truth.notebooks}
    races = {
        Race("write-write", table, (one, other))
        for one, other in combinations(sorted(truth.notebooks), 2)
        for table in truth.notebooks[one].writes & truth.notebooks[other].writes
        if one not in after[other] and other not in after[one]
    }
    assert truth.races == races


def test_the_corpus_is_large_enough() -> None:
    assert sum(len(truth.notebooks) for truth in workspaces(CORPUS)) >= 60
    assert sum(len(truth.notebooks) for truth in workspaces(HOLDOUT)) >= 30


def _all_after(name: str, edges: frozenset[Edge]) -> set[str]:
    """Every notebook that runs after this one, directly or by others between."""
    found: set[str] = set()
    ahead = {name}
    while ahead:
        ahead = {edge.downstream for edge in edges if edge.upstream in ahead} - found
        found |= ahead
    return found
