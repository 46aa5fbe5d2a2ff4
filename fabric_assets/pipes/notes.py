"""Which file belongs to the job instance that is on its way, kept where it outlives the process."""

import json
from dataclasses import asdict, dataclass

import dagster as dg

_NOTE = "fabric_assets/pipes/"


@dataclass(frozen=True)
class Note:
    """The messages of one job instance.

    Attributes:
        name: of the file or folder that it was told to write to.
        run_id: the run whose log has the first ``told`` messages.
        told: how many messages that are.
    """

    name: str
    run_id: str
    told: int = 0


class PipesNotes:
    """The note of one asset, or one partition of it, in one run and what is re-executed from it.

    Kept beside the ledger of job control, in the Dagster instance's own storage.
    """

    def __init__(
        self, instance: dg.DagsterInstance, run: dg.DagsterRun, asset: dg.AssetKey, partition: str | None
    ) -> None:
        self._instance = instance
        owner = [asset.to_user_string(), partition, run.root_run_id or run.run_id]
        self._key = _NOTE + json.dumps(owner)

    def read(self) -> Note | None:
        """The note, ``None`` if there is none."""
        text = self._instance.daemon_cursor_storage.get_cursor_values({self._key}).get(self._key)
        return Note(**json.loads(text)) if text else None

    def write(self, note: Note) -> None:
        """Replace the note."""
        self._instance.daemon_cursor_storage.set_cursor_values({self._key: json.dumps(asdict(note))})
