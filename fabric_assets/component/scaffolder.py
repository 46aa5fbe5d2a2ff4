"""What ``dg scaffold defs fabric_assets.FabricWorkspaceComponent NAME`` writes."""

from dagster.components import Scaffolder, ScaffoldRequest

_YAML = """\
type: {type}

attributes:
  # Unset: the embedded local Fabric.
  workspace: "{{{{ env.FABRIC_WORKSPACE_ID }}}}"
  # A folder in Fabric's Git format, as seen from this file; or `live`, read by `dg utils refresh-defs-state`.
  source: live
  defaults:
    retry: 1
    retry_interval_seconds: 10
    timeout_seconds: 3600
"""


class FabricWorkspaceScaffolder(Scaffolder):
    """Writes a ``defs.yaml`` to start from."""

    def scaffold(self, request: ScaffoldRequest) -> None:
        """Write the file."""
        file = request.target_path / "defs.yaml"
        file.write_text(_YAML.format(type=request.type_name), encoding="utf-8")
