"""What each data file becomes: a YAML with the ending ``.expected.yaml`` beside it, remarks in the comment on top.

``python -m tests.importers.expected`` writes them anew; read the difference before you commit it.
"""

import os
from pathlib import Path

from fabric_assets.importers import import_file

DATA = Path(__file__).parent / "data"


def inputs() -> list[Path]:
    """The files and items to import, relative to ``DATA``."""
    found = [path for pattern in ("*/*.json", "*/*.py", "*/*.ipynb") for path in DATA.glob(pattern)]
    found += [
        folder for folder in DATA.glob("*/workspace/*") if (folder.with_suffix(".expected.yaml")).exists()
    ]
    return sorted(path.relative_to(DATA) for path in found)


def expectation(source: Path) -> Path:
    """The file with what is expected."""
    return (DATA / source).with_suffix(".expected.yaml")


def imported(source: Path) -> str:
    """The YAML of a data file; the same on every machine."""
    before = Path.cwd()
    os.chdir(DATA)
    try:
        return import_file(source.as_posix()).to_yaml()
    finally:
        os.chdir(before)


def write_all() -> None:
    """Write all expectations anew."""
    for source in inputs():
        expectation(source).write_text(imported(source), encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write_all()
