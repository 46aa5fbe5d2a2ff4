"""Reads a file, finds out what it is, and imports it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fabric_assets.importers.dag_project import DagCall, DagProject
from fabric_assets.importers.data_pipeline import import_pipeline
from fabric_assets.importers.errors import ImportFileError, InvalidDagError, Problem
from fabric_assets.importers.git_folder import GitFolder, content_of, enclosing_folder
from fabric_assets.importers.json_source import parse_json, read_text
from fabric_assets.importers.pipeline_sources import pipelines_in
from fabric_assets.importers.project import Project
from fabric_assets.importers.report import ImportReport, Remark, joined, one_line
from fabric_assets.importers.run_multiple import read_dag


@dataclass(frozen=True)
class ImportedProject:
    """A project made of a DAG, a notebook or a pipeline.

    Attributes:
        project: the attributes of ``FabricWorkspaceComponent``.
        report: what was kept, what was changed, what has no equal.
    """

    project: Project
    report: ImportReport

    def to_yaml(self) -> str:
        """The project as YAML for ``FabricWorkspaceComponent``; what has no equal stands in a comment on top."""
        lines = [f"Imported from {self.report.source}."]
        for title, remarks in (
            ("Kept in another form:", self.report.changed),
            ("No equal:", self.report.unsupported),
        ):
            if remarks:
                lines += ["", title, *(f"- {line}" for line in joined(remarks))]
        return self.project.to_yaml("\n".join(one_line(line) for line in lines))

    def to_json(self) -> dict[str, Any]:
        """Project and report as plain data."""
        return {"project": self.project.model_dump(exclude_unset=True), "report": self.report.to_json()}


def import_file(path: str | Path, *, root: str | Path | None = None) -> ImportedProject:
    """Turn a ``runMultiple`` DAG, an orchestrating notebook or a pipeline into a project.

    Nothing is executed, and no request is made.

    Args:
        path: a DAG as JSON; a notebook in Git's text format or as ``.ipynb``, or its folder ``Name.Notebook``; a
            ``pipeline-content.json`` or its folder ``Name.DataPipeline``; a pipeline of Azure Data Factory as JSON.
        root: the folder in Git that holds the items beside it, whose names and sources are then known; ``None``: found
            by itself if ``path`` lies in an item's folder.

    Raises:
        ImportFileError: the file cannot be read, or it holds nothing that could be imported.
        InvalidDagError: its activities do not fit together; see ``validate_file``.
    """
    file, name = _locate(Path(path))
    folder = GitFolder(Path(root) if root is not None else enclosing_folder(file), file.parent)
    report = ImportReport(str(path))
    text = read_text(file)
    value = _json_value(file, text)
    if value is None or (isinstance(value, dict) and "cells" in value):
        return ImportedProject(_from_notebook(file, text, name, report, folder), report)
    pipelines = pipelines_in(value)
    if pipelines:
        project, problems = import_pipeline(pipelines, name, report, folder)
        _raise_errors(file, problems)
        return ImportedProject(project, report)
    if isinstance(value, list) or (isinstance(value, dict) and "activities" in value):
        dag = read_dag(value)
        _raise_errors(file, dag.problems)
        return ImportedProject(DagProject(report, folder).build([DagCall(dag, "")], name), report)
    raise ImportFileError(
        file,
        "",
        "is neither a DAG (a list of notebook names, or 'activities'), nor a pipeline ('properties' with "
        "'activities'), nor a notebook ('cells')",
    )


def validate_file(path: str | Path, *, root: str | Path | None = None) -> list[Problem]:
    """What ``validateDAG`` would say about the file, and a little more; empty: nothing is wrong.

    Args:
        path: as for ``import_file``.
        root: as for ``import_file``.

    Returns:
        Errors, which stop an import, before warnings, which do not.

    Raises:
        ImportFileError: the file cannot be read, or is neither DAG nor notebook nor pipeline.
    """
    try:
        imported = import_file(path, root=root)
    except InvalidDagError as error:
        return error.problems
    return imported.report.warnings


def _from_notebook(file: Path, text: str, name: str, report: ImportReport, folder: GitFolder) -> Project:
    # Imported here: a DAG or a pipeline needs no interpreter of Python, which takes its time to load.
    from fabric_assets.importers.notebook_calls import NotebookReader

    reader = NotebookReader(file, report, folder)
    reader.read(text)
    problems = [
        problem for call in reader.calls if isinstance(call, DagCall) for problem in call.dag.problems
    ]
    _raise_errors(file, problems)
    if not any(not isinstance(call, DagCall) or call.dag.activities for call in reader.calls):
        lost = [gap for call in reader.calls if isinstance(call, DagCall) for gap in call.dag.gaps]
        remarks = [*report.unsupported, *(Remark(gap.activity, gap.text, gap.where) for gap in lost)]
        gaps = "".join(f"\n  {one_line(str(remark))}" for remark in remarks[:20])
        found = (
            f"what it starts is not known:{gaps}" if gaps else "it calls neither notebook.run nor runMultiple"
        )
        raise ImportFileError(file, "", f"holds nothing that could be imported: {found}")
    return DagProject(report, folder).build(reader.calls, name, reader.pool_sizes)


def _raise_errors(file: Path, problems: list[Problem]) -> None:
    if any(problem.severity == "error" for problem in problems):
        raise InvalidDagError(file, problems)


def _json_value(file: Path, text: str) -> Any:
    """The value of a JSON file; ``None`` if it is no JSON but a notebook's text."""
    start = text.lstrip()[:1]
    if start in ("{", "[") and (file.suffix.lower() not in (".py", ".sql", ".scala", ".r")):
        return parse_json(file, text)
    if not start:
        raise ImportFileError(file, "", "is empty")
    if file.suffix.lower() in (".json", ".ipynb"):
        return parse_json(file, text)
    return None


def _locate(path: Path) -> tuple[Path, str]:
    """The file to read, and a name for what it holds."""
    if path.is_dir():
        content = content_of(path)
        if content is None:
            reason = (
                "is a folder without notebook-content.* or pipeline-content.json; name an item's folder (X.Notebook, "
                "X.DataPipeline) or a file"
            )
            raise ImportFileError(path, "", reason)
        return content, path.resolve().name.removesuffix(".Notebook").removesuffix(".DataPipeline")
    if path.name.startswith(("notebook-content", "pipeline-content")) and path.resolve().parent.suffix:
        return path, path.resolve().parent.stem
    return path, path.name.partition(".")[0] or "imported"
