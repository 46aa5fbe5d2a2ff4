"""The corpus: workspaces as Git folders, and what is true of each of them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import yaml

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"
HOLDOUT = HERE / "corpus_holdout"


@dataclass(frozen=True)
class NotebookTruth:
    """What one notebook does. `unresolved` has a piece of the source for each place that cannot be decided."""

    reads: frozenset[str]
    writes: frozenset[str]
    calls: frozenset[str]
    unresolved: tuple[str, ...]


@dataclass(frozen=True, order=True)
class Edge:
    """`downstream` reads the table that `upstream` writes."""

    upstream: str
    downstream: str
    table: str


@dataclass(frozen=True, order=True)
class Race:
    """Two notebooks without an order between them, and the table that they both write."""

    kind: str
    table: str
    notebooks: tuple[str, str]


@dataclass(frozen=True)
class WorkspaceTruth:
    """A workspace of the corpus: its folder, and what a reader of its notebooks finds."""

    name: str
    folder: Path
    notebooks: dict[str, NotebookTruth]
    edges: frozenset[Edge]
    races: frozenset[Race]

    def source(self, notebook: str) -> str:
        """The text of a notebook of this workspace."""
        (folder,) = self.folder.rglob(f"{notebook}.Notebook")
        (content,) = folder.glob("notebook-content.*")
        return content.read_text(encoding="utf-8")

    @property
    def config(self) -> dict[str, list[dict[str, str]]]:
        """The `lineage` part of a project's YAML, empty if the workspace has none."""
        path = self.folder / "lineage.yaml"
        return yaml.safe_load(path.read_text(encoding="utf-8")) if path.exists() else {}


def read_truth(path: Path) -> WorkspaceTruth:
    """Read one `<workspace>.truth.yaml`."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    return WorkspaceTruth(
        name=document["workspace"],
        folder=path.parent / document["workspace"],
        notebooks={
            name: NotebookTruth(
                reads=frozenset(entry["reads"]),
                writes=frozenset(entry["writes"]),
                calls=frozenset(entry["calls"]),
                unresolved=tuple(entry["unresolved"]),
            )
            for name, entry in document["notebooks"].items()
        },
        edges=frozenset(Edge(**edge) for edge in document["edges"]),
        races=frozenset(
            Race(race["kind"], race["table"], (race["notebooks"][0], race["notebooks"][1]))
            for race in document["races"]
        ),
    )


def workspaces(corpus: Path) -> list[WorkspaceTruth]:
    """All workspaces of a corpus, by name."""
    return [read_truth(path) for path in sorted(corpus.glob("*.truth.yaml"))]


def lines_of_cell(source: str, quote: str) -> range:
    """The lines, counted in the file, of the cell that has the quoted text."""
    before = source[: source.index(quote)].count("\n")
    marks = [n for n, line in enumerate(source.split("\n")) if line.endswith("CELL ********************")]
    first = max(mark for mark in marks if mark <= before)
    return range(first + 1, min((mark for mark in marks if mark > before), default=source.count("\n")) + 1)


def is_same_table(true_name: str, reported: str) -> bool:
    """Whether a reported name means the true table.

    A table of another workspace is `<workspace>/<lakehouse>.<table>` in the truth. The report has no place for
    the workspace, so that it may be left out, or stand before the lakehouse in any form.
    """
    _, slash, name = true_name.rpartition("/")
    if not slash:
        return true_name == reported
    return reported == name or reported.endswith((f".{name}", f"/{name}"))
