"""The folder of a table, and what is needed to read it."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class TableLocation:
    """A folder that holds a Delta table.

    Attributes:
        uri: path on this machine, or ``abfss://``.
        storage_options: what ``deltalake`` needs to read it; they hold a token.
    """

    uri: str
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)
