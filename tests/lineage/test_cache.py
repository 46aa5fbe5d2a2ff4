import json
from pathlib import Path

import pytest

from fabric_assets.lineage import analyze_folder, cache
from fabric_assets.lineage import notebook as notebook_module
from tests.lineage.case_files import git_text


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "workspace"
    for name, cells in {
        "Helper": ["def save(t): spark.range(1).write.saveAsTable(t)"],
        "Load": ["%run Helper", "save('a')"],
        "Other": ["spark.table('a').select('x').write.saveAsTable('b')", "spark.table(what)"],
    }.items():
        _put(folder, name, cells)
    return folder


def _put(folder: Path, name: str, cells: list[str]) -> None:
    place = folder / f"{name}.Notebook"
    place.mkdir(parents=True, exist_ok=True)
    (place / "notebook-content.py").write_bytes(git_text(cells))


def _analyses(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    done: list[str] = []
    original = notebook_module.analyze_notebook

    def counted(notebook, *rest):  # type: ignore[no-untyped-def]
        done.append(notebook.name)
        return original(notebook, *rest)

    monkeypatch.setattr(notebook_module, "analyze_notebook", counted)
    return done


def test_only_what_changed_is_analyzed_again(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = _analyses(monkeypatch)
    kept = tmp_path / "cache"
    first = analyze_folder(workspace, cache_folder=kept)
    assert sorted(done) == ["Helper", "Load", "Other"]
    done.clear()
    assert analyze_folder(workspace, cache_folder=kept) == first
    assert done == []
    _put(workspace, "Helper", ["def save(t): spark.range(1).write.saveAsTable('gold.' + t)"])
    second = analyze_folder(workspace, cache_folder=kept)
    assert sorted(done) == ["Helper", "Load"]
    assert [str(t) for n in second.notebooks for t in n.writes] == ["gold.a", "lake.b"]


def test_a_notebook_that_appears_later_counts(workspace: Path, tmp_path: Path) -> None:
    _put(workspace, "Late", ["%run NotYet", "save2('x')"])
    assert len(_named(analyze_folder(workspace, cache_folder=tmp_path), "Late").unresolved) == 2
    _put(workspace, "NotYet", ["def save2(t): spark.range(1).write.saveAsTable(t)"])
    assert not _named(analyze_folder(workspace, cache_folder=tmp_path), "Late").unresolved


def _named(lineage, name):  # type: ignore[no-untyped-def]
    return next(notebook for notebook in lineage.notebooks if notebook.name == name)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"version": 1}', b"\xff\xfe\x00", b'{"headers": {"a": 1}, "results": []}']
)
def test_a_broken_cache_counts_as_empty(workspace: Path, tmp_path: Path, content: bytes) -> None:
    expected = analyze_folder(workspace, cache_folder=tmp_path)
    (file,) = tmp_path.glob("lineage-*.json")
    file.write_bytes(content)
    assert analyze_folder(workspace, cache_folder=tmp_path) == expected
    assert analyze_folder(workspace, cache_folder=tmp_path) == expected


def test_broken_entries_count_as_missing(workspace: Path, tmp_path: Path) -> None:
    expected = analyze_folder(workspace, cache_folder=tmp_path)
    (file,) = tmp_path.glob("lineage-*.json")
    values = json.loads(file.read_text())
    values["results"] = {key: [1, 2] for key in values["results"]}
    values["headers"] = dict.fromkeys(values["headers"], "x")
    file.write_text(json.dumps(values))
    assert analyze_folder(workspace, cache_folder=tmp_path) == expected


def test_another_version_starts_anew(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    analyze_folder(workspace, cache_folder=tmp_path)
    done = _analyses(monkeypatch)
    monkeypatch.setattr(cache, "analyzer_version", lambda: "another")
    analyze_folder(workspace, cache_folder=tmp_path)
    assert len(done) == 3


def test_a_cache_that_cannot_be_written_only_costs_time(workspace: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("x")
    assert len(analyze_folder(workspace, cache_folder=blocked).notebooks) == 3
