"""Compare what lineage reports with what is true of the corpus.

    python -m tests.lineage.score             the corpus
    python -m tests.lineage.score --holdout   the half that was never looked at while building

Prints precision and recall of reads, writes, calls, edges, gaps and races, and every difference. Exits with 1 when
an edge is reported that is none, or when the recall of reads, writes, calls or edges is below 95 %.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import Any, TypeVar

from fabric_assets.lineage import analyze_folder
from tests.lineage.truth import (
    CORPUS,
    HOLDOUT,
    Edge,
    NotebookTruth,
    Race,
    WorkspaceTruth,
    is_same_table,
    lines_of_cell,
    workspaces,
)

Fact = TypeVar("Fact")
KINDS = ("reads", "writes", "calls", "edges", "gaps", "races")
GATED = ("reads", "writes", "calls", "edges")
RECALL_WANTED = 0.95


@dataclass
class Score:
    """Counts of one kind of fact."""

    true: int = 0
    found: int = 0
    reported: int = 0
    correct: int = 0

    def add(self, other: Score) -> None:
        """Add another workspace's counts."""
        self.true += other.true
        self.found += other.found
        self.reported += other.reported
        self.correct += other.correct

    @property
    def precision(self) -> float:
        """How much of what is reported is true."""
        return self.correct / self.reported if self.reported else 1.0

    @property
    def recall(self) -> float:
        """How much of what is true is reported."""
        return self.found / self.true if self.true else 1.0


@dataclass
class Comparison:
    """Scores by kind, and each difference as a line for a person."""

    scores: dict[str, Score] = field(default_factory=lambda: {kind: Score() for kind in KINDS})
    differences: list[str] = field(default_factory=list)

    def add(self, other: Comparison) -> None:
        """Add another workspace."""
        for kind, score in other.scores.items():
            self.scores[kind].add(score)
        self.differences += other.differences

    def compare(
        self,
        kind: str,
        where: str,
        true: Iterable[Fact],
        reported: Iterable[Fact],
        same: Callable[[Fact, Fact], bool],
    ) -> None:
        """Count one set of facts, and note what is missing and what is too much."""
        true, reported = sorted(true, key=str), sorted(reported, key=str)
        missing = [fact for fact in true if not any(same(fact, other) for other in reported)]
        wrong = [fact for fact in reported if not any(same(other, fact) for other in true)]
        counts = Score(len(true), len(true) - len(missing), len(reported), len(reported) - len(wrong))
        self.scores[kind].add(counts)
        self.differences += [f"{where}: {kind}: missing {_text(fact)}" for fact in missing]
        self.differences += [f"{where}: {kind}: wrong   {_text(fact)}" for fact in wrong]

    @property
    def passed(self) -> bool:
        """Whether every reported edge is true, and nearly everything decidable is reported."""
        return self.scores["edges"].precision == 1.0 and all(
            self.scores[kind].recall >= RECALL_WANTED for kind in GATED
        )


def _text(fact: object) -> str:
    match fact:
        case Edge(upstream, downstream, table):
            return f"{upstream} -> {downstream} ({table})"
        case Race(kind, table, notebooks):
            return f"{kind} {table}: {', '.join(notebooks)}"
        case _:
            return str(fact)


def _same_edge(true: Edge, reported: Edge) -> bool:
    ends = (true.upstream, true.downstream) == (reported.upstream, reported.downstream)
    return ends and is_same_table(true.table, reported.table)


def _same_race(true: Race, reported: Race) -> bool:
    ends = (true.kind, true.notebooks) == (reported.kind, reported.notebooks)
    return ends and is_same_table(true.table, reported.table)


def _pairs(races: Iterable[dict[str, Any]], true: frozenset[Race]) -> Iterator[Race]:
    """A race of more than two notebooks counts as one for each two of them that do race.

    In such an entry some may have an order; it is wrong for a notebook that races with none of the others.
    """
    for race in races:
        pairs = [
            Race(race["kind"], race["table"], (one, other))
            for one, other in combinations(sorted(race["notebooks"]), 2)
        ]
        racing = [pair for pair in pairs if any(_same_race(other, pair) for other in true)]
        covered = {name for pair in racing for name in pair.notebooks}
        yield from racing
        yield from (pair for pair in pairs if not covered.issuperset(pair.notebooks))


def _compare_gaps(
    comparison: Comparison, where: str, truth: NotebookTruth, source: str, reported: list[dict[str, Any]]
) -> None:
    """A gap is found if one is reported in its cell; one place may be told in several ways."""
    cells = [lines_of_cell(source, quote) for quote in truth.unresolved]
    missing = [
        quote
        for quote, lines in zip(truth.unresolved, cells, strict=True)
        if not any(gap["line"] in lines for gap in reported)
    ]
    wrong = [gap for gap in reported if not any(gap["line"] in lines for lines in cells)]
    comparison.scores["gaps"].add(
        Score(len(cells), len(cells) - len(missing), len(reported), len(reported) - len(wrong))
    )
    comparison.differences += [f"{where}: gaps: missing {quote}" for quote in missing]
    comparison.differences += [
        f"{where}: gaps: wrong   cell {gap['cell']} line {gap['line']}: {gap['reason']}" for gap in wrong
    ]


def compare_workspace(truth: WorkspaceTruth) -> Comparison:
    """Analyze one workspace's folder and compare the result with its truth."""
    result = analyze_folder(truth.folder, truth.config).to_json()
    comparison = Comparison()
    reported = {notebook["name"]: notebook for notebook in result["notebooks"]}
    twice = [name for name, count in Counter(n["name"] for n in result["notebooks"]).items() if count > 1]
    comparison.differences += [f"{truth.name}: notebook {name!r} is reported twice" for name in twice]
    comparison.differences += [
        f"{truth.name}: there is no notebook {name!r}" for name in sorted(reported.keys() - truth.notebooks)
    ]
    nothing: dict[str, Any] = {"reads": [], "writes": [], "calls": [], "unresolved": []}
    for name, notebook in truth.notebooks.items():
        where = f"{truth.name} / {name}"
        given = reported.get(name, nothing)
        comparison.compare("reads", where, notebook.reads, set(given["reads"]), is_same_table)
        comparison.compare("writes", where, notebook.writes, set(given["writes"]), is_same_table)
        comparison.compare("calls", where, notebook.calls, set(given["calls"]), str.__eq__)
        _compare_gaps(comparison, where, notebook, truth.source(name), given["unresolved"])
    edges = {Edge(edge["upstream"], edge["downstream"], edge["table"]) for edge in result["edges"]}
    comparison.compare("edges", truth.name, truth.edges, edges, _same_edge)
    comparison.compare(
        "races", truth.name, truth.races, set(_pairs(result["races"], truth.races)), _same_race
    )
    return comparison


def _lines(title: str, comparison: Comparison) -> Iterator[str]:
    yield title
    for kind, score in comparison.scores.items():
        yield (
            f"  {kind:7}precision {score.precision:7.1%} ({score.correct}/{score.reported})"
            f"   recall {score.recall:7.1%} ({score.found}/{score.true})"
        )


def _report(corpus: Path, overall: Comparison) -> Iterator[str]:
    for truth in workspaces(corpus):
        comparison = compare_workspace(truth)
        yield from _lines(f"{truth.name}, {len(truth.notebooks)} notebooks", comparison)
        overall.add(comparison)
    yield from _lines("Overall", overall)
    yield from overall.differences
    yield "good enough" if overall.passed else "not good enough"


def main(arguments: list[str] | None = None) -> int:
    """Print the scores and the differences; 0 if lineage is good enough."""
    parser = argparse.ArgumentParser(prog="python -m tests.lineage.score")
    parser.add_argument("--holdout", action="store_true", help="judge the held-out workspaces")
    corpus = HOLDOUT if parser.parse_args(arguments).holdout else CORPUS
    overall = Comparison()
    for line in _report(corpus, overall):
        sys.stdout.write(f"{line}\n")
    return 0 if overall.passed else 1


if __name__ == "__main__":
    sys.exit(main())
