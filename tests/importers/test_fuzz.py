"""Files that were damaged at random: an import or an ``ImportFileError``, never anything else."""

import contextlib
import random
from pathlib import Path

import pytest
import yaml

from fabric_assets.importers import ImportFileError, import_file
from tests.importers.expected import DATA, inputs

FILES = [DATA / source for source in inputs() if (DATA / source).is_file()]
PIECES = [
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    '"',
    "'",
    ",",
    ":",
    "\n",
    "    ",
    "1",
    "null",
    "None",
    "@",
    "{{",
    "for",
    "if",
    "\\",
]


def damaged(text: str, chance: random.Random) -> str:
    """The text with a few changes."""
    lines = text.split("\n")
    for _ in range(chance.randint(1, 5)):
        kind, at = chance.randrange(4), chance.randrange(len(lines))
        if kind == 0:
            del lines[at]
            lines = lines or [""]
        elif kind == 1:
            lines.insert(at, chance.choice(lines))
        else:
            position = chance.randrange(len(lines[at]) + 1)
            cut = position + (chance.randrange(4) if kind == 2 else 0)
            lines[at] = lines[at][:position] + chance.choice(PIECES) + lines[at][cut:]
    return "\n".join(lines)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_damaged_file_is_imported_or_refused(path: Path, tmp_path: Path) -> None:
    text = path.read_text("utf-8")
    target = tmp_path / path.name
    for seed in range(25):
        target.write_text(damaged(text, random.Random(f"{path.name} {seed}")), encoding="utf-8")
        with contextlib.suppress(ImportFileError):
            yaml.safe_load(import_file(target).to_yaml())
