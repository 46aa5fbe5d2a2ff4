"""Where a notebook's messages lie, as the user configures it."""

from collections.abc import Iterable
from dataclasses import dataclass

from fabric_assets.client.compute import ComputeSettings

PARAMETER = "dagster_pipes_params"
"""The notebook's parameter that tells it where to write: the variables of dagster-pipes as a JSON object."""

DEFAULT_MOUNT = "/lakehouse/default"

_LOCAL_POLL_SECONDS = 0.2
_FABRIC_POLL_SECONDS = 5.0
_FABRIC_LAST_MESSAGES_SECONDS = 5.0


@dataclass(frozen=True)
class PipesFiles:
    """Files of a lakehouse that carry what a notebook says with dagster-pipes.

    Attributes:
        lakehouse: display name or GUID of the notebook's default lakehouse; unset: that of the compute settings.
        workspace: display name or GUID of its workspace; unset: that of the compute settings, else the notebook's.
        folder: folder below ``Files`` of that lakehouse.
        mount: where the notebook sees the lakehouse as a folder.
        chunks: whether the notebook collects its messages and writes a file every few seconds, with
            ``PipesUnityCatalogVolumesMessageWriter``, instead of one line a message at once.
        keep: whether the files are kept when the job instance has ended.
        poll_seconds: wait between two reads while the notebook speaks; it grows sixfold while it is silent.
            ``None``: 5 s, and 0.2 s with the local Fabric.
        last_messages_seconds: how long to wait, after the job instance has ended, for messages of a notebook that did
            not close. ``None``: 5 s, and none with the local Fabric.
    """

    lakehouse: str | None = None
    workspace: str | None = None
    folder: str = ".dagster_pipes"
    mount: str = DEFAULT_MOUNT
    chunks: bool = False
    keep: bool = False
    poll_seconds: float | None = None
    last_messages_seconds: float | None = None

    def problems(self, compute: ComputeSettings | None, arguments: Iterable[str]) -> list[str]:
        """What cannot work with these compute settings and arguments of an asset."""
        found = []
        attached = compute.default_lakehouse if compute is not None else None
        if self.lakehouse is None and attached is None:
            found.append(
                "pipes: no lakehouse is configured for the notebook's messages. Name the notebook's default lakehouse: "
                'pipes=PipesFiles(lakehouse="...") or compute=ComputeSettings(default_lakehouse="...")'
            )
        if self.workspace is not None and self.lakehouse is None:
            found.append("pipes: `workspace` is set, but no `lakehouse`")
        if (
            self.mount == DEFAULT_MOUNT
            and None not in (self.lakehouse, attached)
            and self.lakehouse != attached
        ):
            found.append(
                f"pipes: the notebook sees its default lakehouse at {DEFAULT_MOUNT}, and that is {attached!r} by the "
                f"compute settings, not {self.lakehouse!r}. Leave out one of them, or set `mount`"
            )
        parts = self.folder.split("/")
        if not self.folder or any(part in ("", ".", "..") for part in parts) or "\\" in self.folder:
            found.append(
                f"pipes: `folder` must be a path below Files such as '.dagster_pipes', not {self.folder!r}"
            )
        if not self.mount.startswith("/"):
            found.append(
                f"pipes: `mount` must be an absolute path such as {DEFAULT_MOUNT!r}, not {self.mount!r}"
            )
        if self.poll_seconds is not None and self.poll_seconds <= 0:
            found.append(f"pipes: `poll_seconds` must be positive or None, it is {self.poll_seconds!r}")
        if self.last_messages_seconds is not None and self.last_messages_seconds < 0:
            found.append(
                f"pipes: `last_messages_seconds` must not be negative, it is {self.last_messages_seconds!r}"
            )
        found += [
            f"parameter {name!r} is set by `pipes`: leave it out of the arguments"
            for name in arguments
            if name.lower() == PARAMETER
        ]
        return found

    def poll(self, *, local: bool) -> float:
        """Wait between two reads, in seconds."""
        return self.poll_seconds or (_LOCAL_POLL_SECONDS if local else _FABRIC_POLL_SECONDS)

    def last_messages(self, *, local: bool) -> float:
        """Wait for the last messages, in seconds. What a local notebook wrote is there when it has ended."""
        if self.last_messages_seconds is not None:
            return self.last_messages_seconds
        return 0.0 if local else _FABRIC_LAST_MESSAGES_SECONDS
