"""What checking the contract finds: of each behaviour what is expected, and what was seen."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from fabric_assets.commands.output import say

Result = Literal["same", "differs", "could not be told"]

_STYLES = {"same": "green", "differs": "bold red", "could not be told": "yellow"}
_TOLERATED = "yellow"


@dataclass(frozen=True)
class Finding:
    """One behaviour of the service.

    Attributes:
        name: the behaviour.
        expected: what this package takes for granted.
        seen: what the service did.
        relied_on: whether this package goes wrong where it differs; where not, it copes with both.
    """

    name: str
    expected: str
    seen: str
    result: Result
    relied_on: bool = True

    def to_json(self) -> dict[str, Any]:
        """As it stands in ``--json``."""
        return {
            "name": self.name,
            "expected": self.expected,
            "seen": self.seen,
            "result": self.result,
            "relied_on": self.relied_on,
        }


class Findings:
    """Collects findings.

    Args:
        show: called with each of them at once.
    """

    def __init__(self, show: Callable[[Finding], None] = lambda finding: None) -> None:
        self.found: list[Finding] = []
        self._show = show

    def add(self, name: str, expected: str, seen: str, same: bool | None, *, relied_on: bool = True) -> None:
        """Add one; ``same`` is ``None`` if it could not be told."""
        result: Result = "could not be told" if same is None else "same" if same else "differs"
        finding = Finding(name, expected, " ".join(seen.split()), result, relied_on)
        self.found.append(finding)
        self._show(finding)

    @property
    def exit_code(self) -> int:
        """1 if something differs that this package relies on, else 0."""
        return int(any(finding.result == "differs" and finding.relied_on for finding in self.found))

    def summary(self) -> str:
        """How many there are of each kind."""
        same = sum(finding.result == "same" for finding in self.found)
        differing = [finding for finding in self.found if finding.result == "differs"]
        relied = sum(finding.relied_on for finding in differing)
        unknown = len(self.found) - same - len(differing)
        text = f"{len(self.found)} behaviours: {same} as expected"
        if relied:
            text += f", {relied} different on which this package relies"
        if len(differing) > relied:
            text += f", {len(differing) - relied} different with which it copes"
        return text + (f", {unknown} could not be told" if unknown else "")

    def to_json(self, **more: Any) -> str:
        """All of them."""
        return json.dumps({"behaviours": [finding.to_json() for finding in self.found], **more}, indent=2)


def printer() -> Callable[[Finding], None]:
    """What prints a finding: in colours in a terminal, else as plain lines."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        return lambda finding: say("\n".join(_plain(finding)))

    def show(finding: Finding) -> None:
        copes = finding.result == "differs" and not finding.relied_on
        mark = Text(f"{finding.result:<18}", style=_TOLERATED if copes else _STYLES[finding.result])
        console.print(
            Text.assemble(mark, (finding.name, "bold"), " (this package copes with both)" if copes else "")
        )
        for label, text in (("expected", finding.expected), ("seen", finding.seen)):
            console.print(Padding(Text.assemble((f"{label}: ", "dim"), text), (0, 0, 0, 18)))

    return show


def _plain(finding: Finding) -> list[str]:
    copes = " (this package copes with both)" if finding.result == "differs" and not finding.relied_on else ""
    return [
        f"{finding.result}: {finding.name}{copes}",
        f"  expected: {finding.expected}",
        f"  seen: {finding.seen}",
    ]
