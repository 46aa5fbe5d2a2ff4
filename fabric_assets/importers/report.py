"""What an import kept, what it kept in another form, and what has no equal."""

from dataclasses import asdict, dataclass, field
from typing import Any

from fabric_assets.importers.errors import Problem


@dataclass(frozen=True)
class Remark:
    """One line of the report.

    Attributes:
        activity: the activity, or what else is meant (``pipeline``, ``DAG``).
        text: what was kept and how; or what has no equal, and why.
        where: the place in the file, such as ``activities[3].args.day`` or ``cell 2, line 14``.
    """

    activity: str
    text: str
    where: str = ""

    def __str__(self) -> str:
        return f"{self.activity}: {self.text}" + (f"  ({self.where})" if self.where else "")


@dataclass
class ImportReport:
    """What became of everything in the file.

    Attributes:
        source: the file.
        kept: what means the same as before.
        changed: what was kept in another form; read it once.
        unsupported: what has no equal, each with its reason.
        warnings: what ``validate_file`` says beside errors.
    """

    source: str
    kept: list[Remark] = field(default_factory=list)
    changed: list[Remark] = field(default_factory=list)
    unsupported: list[Remark] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)

    def keep(self, activity: str, text: str, where: str = "") -> None:
        """Note what means the same as before."""
        self.kept.append(Remark(activity, text, where))

    def change(self, activity: str, text: str, where: str = "") -> None:
        """Note what was kept in another form."""
        self.changed.append(Remark(activity, text, where))

    def miss(self, activity: str, text: str, where: str = "") -> None:
        """Note what has no equal, and why."""
        self.unsupported.append(Remark(activity, text, where))

    def warn(self, activity: str, problem: Problem) -> None:
        """Note something that is wrong but stops nothing: it has no effect there, and none here."""
        self.warnings.append(problem)
        self.miss(activity, problem.message, problem.where)

    def render(self) -> str:
        """The report for a person, one line for each remark."""
        lines = [f"Imported {self.source}"]
        for title, remarks in (
            ("Kept", self.kept),
            ("Kept in another form", self.changed),
            ("No equal", self.unsupported),
        ):
            if remarks:
                lines += ["", f"{title} ({len(remarks)})"]
                lines += [f"  {one_line(line)}" for line in joined(remarks)]
        if not self.unsupported:
            lines += ["", "Nothing was left out."]
        return "\n".join(lines) + "\n"

    def to_json(self) -> dict[str, Any]:
        """The report as plain data: ``source`` and three lists of ``{activity, text, where}``."""
        data = asdict(self)
        del data["warnings"]  # they stand among what is unsupported, too
        return data


def joined(remarks: list[Remark]) -> list[str]:
    """The remarks as lines; those that say the same of several activities are one."""
    groups: dict[str, list[Remark]] = {}
    for remark in remarks:
        groups.setdefault(remark.text, []).append(remark)
    lines = []
    for text, group in groups.items():
        activities = ", ".join(dict.fromkeys(remark.activity for remark in group))
        places = ", ".join(dict.fromkeys(remark.where for remark in group if remark.where))
        lines.append(f"{activities}: {text}" + (f"  ({places})" if places else ""))
    return lines


def one_line(text: str) -> str:
    """The text without anything that would end a line or a comment of YAML."""
    return "".join(character if character.isprintable() else " " for character in text)
