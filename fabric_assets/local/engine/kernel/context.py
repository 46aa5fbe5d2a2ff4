"""What the engine tells a kernel about the notebook that it is going to execute."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from fabric_assets.local.lakehouse import Lakehouse, OneLake


@dataclass(frozen=True)
class KernelContext:
    """One notebook execution as its kernel sees it, passed on as a JSON file.

    Attributes:
        job_instance_id: id of the job instance.
        workspace: display name of the workspace.
        workspace_id: its id.
        notebook: display name of the notebook.
        notebook_id: its item id.
        kernel: the kernel that the source names (``synapse_pyspark``, ``jupyter``).
        exit_file: where ``notebook.exit`` leaves its value for the engine.
        lakehouses: ``{workspace, name, item_id, folder}`` of all lakehouses.
        default_lakehouse: item id of the default lakehouse, empty if there is none.
        notebooks: display name to source of the workspace's notebooks.
        notebook_ids: display name to item id.
        parameters: parameters of the job instance.
        spark_conf: Spark settings of the job's configuration.
        output_limit: how many characters a cell may print.
    """

    job_instance_id: str
    workspace: str
    workspace_id: str
    notebook: str
    notebook_id: str
    kernel: str
    exit_file: str
    lakehouses: tuple[dict[str, str], ...] = ()
    default_lakehouse: str = ""
    notebooks: dict[str, str] = field(default_factory=dict)
    notebook_ids: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, Any] = field(default_factory=dict)
    spark_conf: dict[str, str] = field(default_factory=dict)
    output_limit: int = 1024 * 1024

    def onelake(self) -> OneLake:
        """The lakehouses as objects."""
        lakehouses = [
            Lakehouse(entry["workspace"], entry["name"], entry["item_id"], Path(entry["folder"]))
            for entry in self.lakehouses
        ]
        return OneLake(lakehouses, self.workspace)

    def write(self, path: Path) -> None:
        """Write it for the kernel."""
        path.write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> "KernelContext":
        """Read what the engine wrote."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(**{**values, "lakehouses": tuple(values["lakehouses"])})
