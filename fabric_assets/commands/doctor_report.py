"""What the doctor found: one line for each check, in a terminal, a file or as JSON."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Literal

from fabric_assets.commands.output import say

CheckStatus = Literal["ok", "warning", "problem", "skipped"]

_STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red", "skipped": "dim"}


@dataclass(frozen=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: what was looked at.
        message: what is right, wrong, or why it was skipped.
        fix: how to mend it; empty if nothing needs to be mended.
    """

    name: str
    status: CheckStatus
    message: str
    fix: str = ""


class Report:
    """Collects checks, and passes each on at once.

    Args:
        show: called with each check.
    """

    def __init__(self, show: Callable[[Check], None] = lambda check: None) -> None:
        self.checks: list[Check] = []
        self._show = show

    def ok(self, name: str, message: str) -> None:
        """Nothing to mend."""
        self._add(Check(name, "ok", message))

    def warning(self, name: str, message: str, fix: str = "") -> None:
        """It works, but may not go on to."""
        self._add(Check(name, "warning", message, fix))

    def problem(self, name: str, message: str, fix: str = "") -> None:
        """It does not work."""
        self._add(Check(name, "problem", message, fix))

    def skipped(self, name: str, because: str) -> None:
        """It could not be looked at, because of something else."""
        self._add(Check(name, "skipped", because))

    def extend(self, other: "Report") -> None:
        """Add the checks of another report."""
        for check in other.checks:
            self._add(check)

    @property
    def exit_code(self) -> int:
        """1 if there is a problem, else 0."""
        return int(any(check.status == "problem" for check in self.checks))

    def summary(self) -> str:
        """How many there are of each kind."""
        counts = dict.fromkeys(_STYLES, 0)
        for check in self.checks:
            counts[check.status] += 1
        return ", ".join(
            f"{count} {status}{'s' if status in ('warning', 'problem') and count > 1 else ''}"
            for status, count in counts.items()
            if count
        )

    def to_json(self) -> str:
        """All of them."""
        return json.dumps({"checks": [asdict(check) for check in self.checks]}, indent=2)

    def _add(self, check: Check) -> None:
        check = Check(check.name, check.status, " ".join(check.message.split()), " ".join(check.fix.split()))
        self.checks.append(check)
        self._show(check)


def printer() -> Callable[[Check], None]:
    """What prints a check: in colours in a terminal, else as plain lines that a script can cut."""
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        return lambda check: say("\n".join(_plain(check)))

    def show(check: Check) -> None:
        mark = Text(f"{check.status:<8}", style=_STYLES[check.status])
        console.print(Text.assemble(mark, (check.name, "bold")))
        console.print(Padding(Text(check.message), (0, 0, 0, 8)))
        if check.fix:
            console.print(Padding(Text(check.fix, style="cyan"), (0, 0, 0, 8)))

    return show


def _plain(check: Check) -> list[str]:
    lines = [f"{check.status}: {check.name}: {check.message}"]
    return [*lines, f"  fix: {check.fix}"] if check.fix else lines
