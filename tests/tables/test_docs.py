"""docs/tables.md tells the defaults; its code is run by tests/docs."""

from pathlib import Path

from fabric_assets import build_table_checks

PAGE = Path(__file__).parent.parent.parent / "docs" / "tables.md"


def test_the_page_tells_the_defaults_as_they_are() -> None:
    text = PAGE.read_text(encoding="utf-8")
    defaults = build_table_checks.__kwdefaults__

    assert f"`scan_memory_mb` ({defaults['scan_memory_mb']} MiB)" in text
    assert (defaults["scan_timeout_seconds"], defaults["examples"], defaults["not_empty"]) == (3600, 5, True)
