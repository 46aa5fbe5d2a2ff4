"""The messages that docs/operations.md explains are those that the code has."""

import ast
import re
from functools import cache

import pytest

from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
MESSAGES = re.findall(r"^\| `([^`]+)`(?: and \d+)? \|", PAGE.partition("## When it is slow")[2], re.MULTILINE)
FIELDS = ("max_runtime", "FABRIC_", "DAGSTER_")


@cache
def _texts() -> list[str]:
    """Every text of the package, with ``...`` for what is filled in."""
    found = []
    for file in (ROOT / "fabric_assets").rglob("*.py"):
        if "sample" in file.parts:
            continue  # notebooks
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.JoinedStr):
                parts = [part.value if isinstance(part, ast.Constant) else "..." for part in node.values]
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.append(node.value)
    return found


def _explained() -> list[str]:
    return [message for message in MESSAGES if not message.startswith(FIELDS)]


def _is_known(piece: str) -> bool:
    """Whether a text has it, or one text ends and another goes on with what it is put together from."""
    words = piece.split(" ")
    halves = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(1, len(words))]
    return any(piece in text for text in _texts()) or any(
        any(text.endswith(f" {left}") for text in _texts())
        and any(f"... {right} ..." in text for text in _texts())
        for left, right in halves
    )


@pytest.mark.parametrize("message", _explained())
def test_the_message_is_one_of_the_codes(message: str) -> None:
    pieces = [piece.strip(" :();,") for piece in message.split("...")]
    for piece in filter(None, pieces):
        assert _is_known(piece), f"no text of the package has {piece!r}"


def test_there_are_messages() -> None:
    assert len(_explained()) > 20
