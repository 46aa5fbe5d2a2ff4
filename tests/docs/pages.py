"""The pages of documentation and their fenced blocks.

What a page may say to the tests, in comments that no reader sees, directly above a block:

``<!-- not run: REASON -->``: the whole block is not run.
``<!-- not run `COMMAND`: REASON -->``: the line that starts with this command is not run.
``<!-- file: PATH -->``: the block is written to this file of the scratch project, for blocks further down.
``<!-- in the background `COMMAND` -->``: the line that starts with this command serves until the block stops it.
``<!-- made by `COMMAND` -->``: YAML that this command prints.
``<!-- in a notebook -->``: Python that runs in a notebook and ends with an exit value.

Blocks of ``python notebook`` are cells; the page's own tests run them in a notebook, here only the syntax counts.

A block whose first line is a comment with a path, such as ``# my_project/defs/fabric/defs.yaml``, is written there too.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent.parent
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]

LANGUAGES = {
    "python": "python",
    "python notebook": "cell",
    "yaml": "yaml",
    "json": "json",
    "toml": "toml",
    "sh": "shell",
    "bash": "shell",
    "console": "shell",
}
OUTPUT = {"text", "mermaid"}
"""What is shown and not meant to be run."""

_MARK = re.compile(
    r"<!--\s*(not run|file|made by|in a notebook|in the background)\s*"
    r"(?:`(?P<command>[^`]+)`)?\s*(?::(?P<text>.*?))?-->",
    re.DOTALL,
)
_PATH = re.compile(r"# ([\w./-]+\.(?:yaml|toml|py|json|sql))\n")


@dataclass(frozen=True)
class Mark:
    """A comment above a block: what it says, of which command, and why or where."""

    kind: str
    command: str | None
    text: str


@dataclass(frozen=True)
class Block:
    """A fenced block."""

    page: Path
    line: int
    language: str
    content: str
    marks: tuple[Mark, ...]

    @property
    def place(self) -> str:
        """Page and line, for messages."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def kind(self) -> str:
        """The language under one name; an unknown one as it stands."""
        return LANGUAGES.get(self.language, self.language)

    @property
    def is_run(self) -> bool:
        """Whether no mark takes the whole block out."""
        return not any(mark.kind == "not run" and mark.command is None for mark in self.marks)

    @property
    def in_a_notebook(self) -> bool:
        """Whether it is code of a notebook."""
        return any(mark.kind == "in a notebook" for mark in self.marks)

    @property
    def made_by(self) -> str | None:
        """The command that prints it."""
        return next((mark.command for mark in self.marks if mark.kind == "made by"), None)

    @property
    def file(self) -> str | None:
        """Where in the scratch project it is to be written."""
        for mark in self.marks:
            if mark.kind == "file":
                return mark.text
        named = _PATH.match(self.content)
        return named[1] if named else None

    def commands(self) -> Iterator[str]:
        """The lines of a shell block that are run, without prompts."""
        excluded = self._named("not run")
        served = self._named("in the background")
        for line in self.content.splitlines():
            if self.language == "console" and not line.startswith("$ "):
                continue  # output
            command = line.removeprefix("$ ")
            if command.strip().startswith(served):
                yield f"(\n{command}\n) & until fabric-assets local --status; do sleep 0.2; done"
            elif not command.strip().startswith(excluded):
                yield command

    def _named(self, kind: str) -> tuple[str, ...]:
        return tuple(mark.command for mark in self.marks if mark.kind == kind and mark.command)


def blocks(page: Path) -> list[Block]:
    """The fenced blocks of a page, in order."""
    found: list[Block] = []
    marks: tuple[Mark, ...] = ()
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            marks += tuple(
                Mark(match[1], match["command"], " ".join((match["text"] or "").split()))
                for match in _MARK.finditer(token.content)
            )
        elif token.type == "fence":
            line = token.map[0] + 1 if token.map else 0
            found.append(Block(page, line, token.info.strip(), token.content, marks))
            marks = ()
        elif marks and token.type.endswith("_open"):
            raise AssertionError(f"{page.name}: the mark {marks[0]} stands above no block")
    return found
