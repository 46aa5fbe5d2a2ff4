"""Where the local Fabric keeps what it has: the folders below ``FABRIC_LOCAL_HOME``."""

from dataclasses import dataclass
from pathlib import Path

DEFAULT_WORKSPACE = "Local"
"""Display name of the workspace that is used when none is configured."""


@dataclass(frozen=True)
class LocalHome:
    """The folder of one local Fabric.

    ::

        server.json                                  address and token of the running server (owner only)
        server.log                                   what the server printed
        state.db                                     job instances, ids, sessions
        workspaces/<workspace>/                      items in Fabric's Git format, folders may be nested
        onelake/<workspace>/<lakehouse>.Lakehouse/   Files/ and Tables/, as OneLake names them
        factories/<factory>/<pipeline>.json          what runs of a Data Factory's pipeline do (simulated)
        job_instances/<job instance id>/             notebook.ipynb, notebook.html, kernel.log
    """

    root: Path

    @property
    def server_file(self) -> Path:
        """JSON with address, token and process id of the running server."""
        return self.root / "server.json"

    @property
    def server_log(self) -> Path:
        """What the server process printed."""
        return self.root / "server.log"

    @property
    def state_file(self) -> Path:
        """SQLite file with everything that survives a restart."""
        return self.root / "state.db"

    @property
    def workspaces(self) -> Path:
        """One folder a workspace, named by its display name."""
        return self.root / "workspaces"

    @property
    def onelake(self) -> Path:
        """One folder a workspace, in it one a lakehouse."""
        return self.root / "onelake"

    @property
    def factories(self) -> Path:
        """One folder an Azure Data Factory, in it one JSON file a pipeline: what its simulated runs do."""
        return self.root / "factories"

    def lakehouse(self, workspace: str, lakehouse: str) -> Path:
        """The folder that holds ``Files`` and ``Tables`` of a lakehouse, given exact display names."""
        return self.onelake / workspace / f"{lakehouse}.Lakehouse"

    def job_instance(self, job_instance_id: str) -> Path:
        """The folder that keeps the executed notebook of a job instance."""
        return self.root / "job_instances" / job_instance_id
