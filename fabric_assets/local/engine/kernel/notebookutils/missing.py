"""What a notebook hears that asks for something the local ``notebookutils`` does not have."""

from collections.abc import Callable, Sequence
from typing import Any


def explain(module: str, available: Sequence[str]) -> Callable[[str], Any]:
    """A module's ``__getattr__`` that says what there is instead."""

    def missing(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        names = ", ".join(sorted(available))
        raise AttributeError(
            f"{module}.{name} is not available in the local Fabric; {module} has here: {names}"
        )

    return missing
