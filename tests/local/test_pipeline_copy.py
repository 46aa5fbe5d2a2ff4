"""The ``Copy`` activity, and a pipeline that runs from files to a notebook on a real kernel."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from local_api import Api
from pipeline_home import ScriptedEngine, activity, notebook, write_item, write_pipeline

from fabric_assets.local.engine import KernelEngine
from fabric_assets.local.home import LocalHome

RAW_ID = "10000000-0000-4000-8000-0000000000a1"
CSV = {"columnDelimiter": ",", "escapeChar": "\\", "firstRowAsHeader": True, "quoteChar": '"'}


def side(
    kind: str,
    root: str = "Files",
    name: str = "Raw",
    reference: str = RAW_ID,
    store: Any = None,
    **typed: Any,
) -> dict[str, Any]:
    """Source or sink as Fabric writes it."""
    properties = {
        "type": "Lakehouse",
        "typeProperties": {
            "workspaceId": "00000000-0000-0000-0000-000000000000",
            "artifactId": reference,
            "rootFolder": root,
        },
    }
    return {
        "type": kind,
        "storeSettings": store or {},
        "datasetSettings": {
            "linkedService": {"name": name, "properties": properties},
            "typeProperties": typed,
        },
    }


def location(folder: str = "", file: str = "") -> dict[str, Any]:
    return {"type": "LakehouseLocation", "folderPath": folder, **({"fileName": file} if file else {})}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with the lakehouses ``Raw`` and ``Curated``, and some files in ``Raw``."""
    home = tmp_path / "home"
    write_item(home, "Raw", "Lakehouse", {"lakehouse.metadata.json": "{}"}, RAW_ID)
    write_item(home, "Curated", "Lakehouse", {"lakehouse.metadata.json": "{}"})
    files = raw(home) / "Files"
    for path, text in {
        "in/a.csv": "id,name\n1,x\n2,\n",
        "in/deep/b.csv": 'id,name\n3,"y,z"\n',
        "in/notes.txt": "hello",
    }.items():
        (files / path).parent.mkdir(parents=True, exist_ok=True)
        (files / path).write_text(text, encoding="utf-8")
    return home


def raw(home: Path) -> Path:
    return home / "onelake" / "Local" / "Raw.Lakehouse"


def curated(home: Path) -> Path:
    return home / "onelake" / "Local" / "Curated.Lakehouse"


@pytest.fixture
def copy(serve: Callable[..., Api], home: Path) -> Callable[..., dict[str, Any]]:
    """Run a pipeline with one copy; returns the job instance."""

    def start(source: Any, sink: Any, **settings: Any) -> dict[str, Any]:
        write_pipeline(home, "Main", activity("Copy", "Copy", source=source, sink=sink, **settings))
        api = serve(home, engine=ScriptedEngine())
        return api.wait(api.start_job("Main", "Pipeline"))

    return start


Copy = Callable[..., dict[str, Any]]


class TestFiles:
    def test_a_folder_with_what_is_below_it(self, copy: Copy, home: Path) -> None:
        sink = side("BinarySink", name="Curated", reference="unknown", location=location("out"))
        done = copy(side("BinarySource", location=location("in")), sink)
        assert done["status"] == "Completed", done
        out = curated(home) / "Files" / "out"
        assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
            "a.csv",
            "deep/b.csv",
            "notes.txt",
        ]
        assert (out / "a.csv").read_bytes() == (raw(home) / "Files" / "in" / "a.csv").read_bytes()

    def test_one_file_under_another_name(self, copy: Copy, home: Path) -> None:
        source = side("DelimitedTextSource", location=location("in", "a.csv"), **CSV)
        sink = side("DelimitedTextSink", location=location("out", "@concat('b', '.csv')"), **CSV)
        assert copy(source, sink)["status"] == "Completed"
        assert (raw(home) / "Files" / "out" / "b.csv").is_file()

    def test_a_pattern_without_what_is_below(self, copy: Copy, home: Path) -> None:
        store = {"wildcardFileName": "*.csv", "recursive": False}
        source = side("BinarySource", location=location("in"), store=store)
        assert copy(source, side("BinarySink", location=location("out")))["status"] == "Completed"
        assert [path.name for path in (raw(home) / "Files" / "out").iterdir()] == ["a.csv"]

    @pytest.mark.parametrize(
        ("source", "sink", "reason"),
        [
            pytest.param(
                side("BinarySource", location=location("none")),
                side("BinarySink", location=location("out")),
                "There is no file to copy in Files/none of lakehouse 'Raw'",
                id="no-file",
            ),
            pytest.param(
                side("DelimitedTextSource", location=location("in"), **CSV),
                side("DelimitedTextSink", location=location("out"), **{**CSV, "columnDelimiter": ";"}),
                "copies files as they are",
                id="other-delimiters",
            ),
            pytest.param(
                side("BinarySource", location=location("../../..")),
                side("BinarySink", location=location("out")),
                "leaves the lakehouse's Files",
                id="outside",
            ),
            pytest.param(
                side("ParquetSource", location=location("in")),
                side("BinarySink", location=location("out")),
                "does not copy with the source ParquetSource; it has BinarySource, DelimitedTextSource",
                id="format",
            ),
            pytest.param(
                side("BinarySource", location=location("in"), reference="x", name="Rew"),
                side("BinarySink", location=location("out")),
                "The Lakehouse 'Rew' was not found in workspace 'Local'; nearest: 'Raw'",
                id="lakehouse",
            ),
        ],
    )
    def test_what_cannot_be_copied_fails_with_the_reason(
        self, copy: Copy, source: Any, sink: Any, reason: str
    ) -> None:
        failed = copy(source, sink)
        assert failed["status"] == "Failed"
        assert failed["failureReason"]["message"].startswith("Operation on target Copy failed: ")
        assert reason in failed["failureReason"]["message"]


class TestTables:
    def test_delimited_text_becomes_a_table_of_texts(self, copy: Copy, home: Path) -> None:
        source = side(
            "DelimitedTextSource", store={"wildcardFileName": "*.csv"}, location=location("in"), **CSV
        )
        assert copy(source, side("LakehouseTableSink", "Tables", table="orders"))["status"] == "Completed"
        table = DeltaTable(str(raw(home) / "Tables" / "orders")).to_pyarrow_table().sort_by("id")
        assert table.to_pylist() == [
            {"id": "1", "name": "x"},
            {"id": "2", "name": None},
            {"id": "3", "name": "y,z"},
        ]
        assert set(table.schema.types) <= {pa.string(), pa.large_string(), pa.string_view()}

    @pytest.mark.parametrize(("action", "rows"), [("Append", 4), ("OverwriteSchema", 2)])
    def test_a_second_time(self, serve: Callable[..., Api], home: Path, action: str, rows: int) -> None:
        source = side("DelimitedTextSource", location=location("in", "a.csv"), **CSV)
        sink = {**side("LakehouseTableSink", "Tables", table="orders"), "tableActionOption": action}
        write_pipeline(home, "Main", activity("Copy", "Copy", source=source, sink=sink))
        api = serve(home, engine=ScriptedEngine())
        for _ in range(2):
            assert api.wait(api.start_job("Main", "Pipeline"))["status"] == "Completed"
        assert DeltaTable(str(raw(home) / "Tables" / "orders")).count() == rows

    def test_text_that_is_none(self, copy: Copy, home: Path) -> None:
        (raw(home) / "Files" / "in" / "a.csv").write_text("id,name\n1\n")
        source = side("DelimitedTextSource", location=location("in", "a.csv"), **CSV)
        failed = copy(source, side("LakehouseTableSink", "Tables", table="orders"))
        assert failed["failureReason"]["errorCode"] == "DelimitedTextInvalid"
        assert not (raw(home) / "Tables" / "orders").exists()

    def test_a_mapping_of_columns_is_refused(self, copy: Copy) -> None:
        source = side("DelimitedTextSource", location=location("in", "a.csv"), **CSV)
        mapping = {"type": "TabularTranslator", "mappings": [{"source": {}, "sink": {}}]}
        failed = copy(source, side("LakehouseTableSink", "Tables", table="orders"), translator=mapping)
        assert "remove the mapping of columns" in failed["failureReason"]["message"]


def test_from_files_to_a_notebook_on_a_real_kernel(serve: Callable[..., Api], home: Path) -> None:
    lines = [
        "from deltalake import DeltaTable",
        "rows = len(DeltaTable('/lakehouse/default/Tables/orders').to_pyarrow_table())",
        "notebookutils.notebook.exit(f'{day}: {rows}')",
    ]
    lakehouse = {"default_lakehouse_name": "Raw", "default_lakehouse": RAW_ID}
    content = {
        "nbformat": 4,
        "nbformat_minor": 5,
        "metadata": {"kernel_info": {"name": "jupyter"}, "dependencies": {"lakehouse": lakehouse}},
        "cells": [
            {"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": "day = ''", "outputs": []},
            {"cell_type": "code", "metadata": {}, "source": "\n".join(lines), "outputs": []},
        ],
    }
    write_item(home, "Count", "Notebook", {"notebook-content.ipynb": json.dumps(content)})
    source = side("DelimitedTextSource", location=location("in", "a.csv"), **CSV)
    sink = side("LakehouseTableSink", "Tables", table="orders")
    write_pipeline(
        home,
        "Main",
        activity("Copy", "Copy", source=source, sink=sink),
        notebook("Count", "Copy", day="@{pipeline().parameters.day}: @{activity('Copy').output.rowsCopied}"),
        parameters={"day": {"type": "string"}},
    )
    api = serve(home, engine=KernelEngine(LocalHome(home)))
    done = api.wait(api.start_job("Main", "Pipeline", {"executionData": {"parameters": {"day": "x"}}}))
    assert done["status"] == "Completed", done
    (child,) = api.get_json(f"{api.item('Count')}/jobs/instances")["value"]
    assert child["exitValue"] == "x: 2: 2"
