"""Every command and snippet of README, docs and examples is run, or says why not."""

import re
from pathlib import Path
from urllib.parse import unquote

import pytest

from tests.docs.pages import LANGUAGES, OUTPUT, PAGES, ROOT, Block, blocks
from tests.docs.scratch import Scratch

ALL = [block for page in PAGES for block in blocks(page)]
WITH_BLOCKS = [page for page in PAGES if any(block.kind in LANGUAGES.values() for block in blocks(page))]


def _name(value: object) -> str:
    return value.place if isinstance(value, Block) else str(Path(str(value)).relative_to(ROOT))


@pytest.mark.parametrize("block", ALL, ids=_name)
def test_a_block_is_run_or_says_why_not(block: Block) -> None:
    assert block.language in {*LANGUAGES, *OUTPUT}, f"{block.place}: no test runs {block.language!r}"
    for mark in block.marks:
        if mark.kind == "not run":
            assert len(mark.text.split()) >= 3, f"{block.place}: say why it is not run"
            lines = block.content.splitlines()
            assert mark.command is None or any(
                line.removeprefix("$ ").strip().startswith(mark.command) for line in lines
            ), f"{block.place}: no line starts with {mark.command}"


# Dagster warns of two components of one workspace, although only those with `source: live` keep state.
@pytest.mark.filterwarnings(
    "ignore::dagster.components.core.component_tree_state.DuplicateDefsStateKeyWarning"
)
@pytest.mark.timeout(600)
@pytest.mark.parametrize("page", WITH_BLOCKS, ids=_name)
def test_a_reader_can_do_what_the_page_says(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = Scratch(tmp_path / "project", monkeypatch)
    try:
        for block in blocks(page):
            if block.kind in LANGUAGES.values():
                scratch.run(block)
        scratch.check_definitions()
    finally:
        scratch.close()


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if "://" in target:
            continue
        path, _, anchor = unquote(target).partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{target} is not there"
        if anchor:
            assert anchor in _anchors(file), f"{target}: no such heading"


def test_the_index_names_every_page() -> None:
    index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}

    assert {name for name in pages if f"({name})" not in index} == set()


def _anchors(file: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
