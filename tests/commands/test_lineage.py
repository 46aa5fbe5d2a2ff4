"""``fabric-assets lineage``: what is printed where."""

from pathlib import Path

import pytest

from fabric_assets import cli
from tests.component.places import copy_table, shop, write_notebook


def test_a_pipe_gets_a_line_for_each_fact(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workspace = shop(tmp_path / "workspace")
    write_notebook(workspace, "Other", copy_table("dim_date", "other"), "spark.table(input())")
    write_notebook(workspace, "Empty", "print(1)")

    assert cli.main(["lineage", str(workspace)]) == 0

    lines = capsys.readouterr().out.splitlines()
    assert "Other: reads curated.dim_date" in lines
    assert "Other: writes curated.other" in lines
    assert "Other: after Load_DimDate" in lines
    assert any(line.startswith("Other: unresolved cell 2, line ") for line in lines)
    assert "Empty: nothing is read or written" in lines
    assert all(": " in line for line in lines[:-1])
    assert lines[-1].startswith("6 notebooks, 6 tables, ")


def test_a_terminal_gets_a_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")  # as rich takes it: what is written to is a terminal
    monkeypatch.setenv("COLUMNS", "120")

    assert cli.main(["lineage", str(shop(tmp_path / "workspace"))]) == 0

    shown = capsys.readouterr().out
    assert "\u2502" in shown
    assert "curated.fact_sales" in shown
