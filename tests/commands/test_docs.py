"""The page about the command line names what there is."""

import re
from pathlib import Path

import pytest

from fabric_assets import cli

PAGE = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
SECTIONS = {
    "doctor": ("## The first hour", "## Running"),
    "run": ("## Running", "## What"),
    "status": ("## What", None),
}


@pytest.mark.parametrize("command", SECTIONS)
def test_the_options_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([command, "--help"])
    options = set(re.findall(r"--[a-z][a-z-]+", capsys.readouterr().out)) - {"--help", "--module"}
    begin, end = SECTIONS[command]
    section = PAGE[PAGE.index(begin) : PAGE.index(end) if end else None]
    told = set(re.findall(r"--[a-z][a-z-]+", section))
    assert told - {"--json", "--workspace"} == options - {"--json", "--workspace"}


def test_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    commands = re.findall(r"^    ([a-z]+) ", capsys.readouterr().out, re.MULTILINE)
    assert commands
    for command in commands:
        assert re.search(rf"`(fabric-assets )?{command}`", PAGE), command
