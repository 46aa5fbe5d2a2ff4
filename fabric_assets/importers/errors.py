"""What can be wrong with a file that is imported.

``ImportFileError``: the file cannot be read as what it should be.
    ``InvalidDagError``: it can be read, and Fabric's ``validateDAG`` would refuse it.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong.

    Attributes:
        where: the place in the file, such as ``activities[3].dependencies`` or ``cell 2, line 14``; may be empty.
        message: what is wrong and what to do.
        severity: ``error`` stops the import; ``warning`` does not.
    """

    where: str
    message: str
    severity: Literal["error", "warning"] = "error"

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" if self.where else self.message


class ImportFileError(Exception):
    """A file that cannot be imported.

    Attributes:
        path: the file.
        where: the place in it, empty if the fault has none.
        reason: what is wrong with it and what to do.
    """

    def __init__(self, path: Path, where: str, reason: str) -> None:
        super().__init__(f"{path}, {where}: {reason}" if where else f"{path}: {reason}")
        self.path = path
        self.where = where
        self.reason = reason


class InvalidDagError(ImportFileError):
    """A DAG or pipeline whose activities do not fit together.

    Attributes:
        problems: everything that was found, errors before warnings.
    """

    def __init__(self, path: Path, problems: list[Problem]) -> None:
        errors = [problem for problem in problems if problem.severity == "error"]
        reason = f"{len(errors)} errors:" + "".join(f"\n  {problem}" for problem in errors)
        super().__init__(path, "", str(errors[0]) if len(errors) == 1 else reason)
        self.problems = errors + [problem for problem in problems if problem.severity == "warning"]
