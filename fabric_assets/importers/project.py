"""The project's YAML as data: what ``FabricWorkspaceComponent`` reads under ``attributes``.

An importer fills these models, ``to_yaml`` writes them, the component reads them. They are plain data: no Dagster, no
requests.

Names: the keys of ``notebooks`` name entries. An entry's key is the notebook's display name unless the entry has a
``notebook``. ``deps``, ``exit_value_of`` and ``jobs`` refer to entries by key (``deps`` may name other assets, too).

Text: strings are taken as they stand, ``"10"`` stays a string; only those that hold ``{{``, ``{%`` or ``{#`` are
templates. ``to_yaml`` writes a literal ``{{`` as a template that yields it.
"""

import re
from typing import Annotated, Any

import yaml  # type: ignore[import-untyped]
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
)

COMPONENT_TYPE = "fabric_assets.FabricWorkspaceComponent"
WORKSPACE_TEMPLATE = "{{ env.FABRIC_WORKSPACE_ID }}"

_ASSET_NAME = re.compile(r"[A-Za-z0-9_]+")
_TEMPLATE = re.compile(r"\{\{|\{%|\{#")


def _whole(value: float) -> float:
    """Whole seconds as an integer, so that they are written without a fraction."""
    return int(value) if value == int(value) else value


Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), AfterValidator(_whole)]
Interval = Annotated[float, Field(ge=0, allow_inf_nan=False), AfterValidator(_whole)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ExitValueOf(_Model):
    """An argument whose value is the exit value of another entry's job instance, as text."""

    exit_value_of: str


Argument = StrictBool | StrictInt | StrictFloat | StrictStr | ExitValueOf


class NotebookDefaults(_Model):
    """What holds for every entry that does not say otherwise.

    Attributes:
        retry: how often a failed job instance is started again.
        retry_interval_seconds: wait before that.
        timeout_seconds: longest time from a job instance's start to its end, waiting for compute included; ``None``: no
            limit.
        arguments: parameters for every notebook.
    """

    retry: int = Field(default=1, ge=0)
    retry_interval_seconds: Interval = 10
    timeout_seconds: Seconds | None = 300
    arguments: dict[str, Argument] = {}


class NotebookEntry(_Model):
    """One notebook with one set of arguments: one asset. What is unset comes from ``defaults``.

    Attributes:
        notebook: display name or GUID of the notebook, if the entry's key is not its display name.
        name: key of the asset, if it is not made from the entry's key; an importer sets it where the key has
            characters that Dagster does not allow in names.
        workspace: display name or GUID of the notebook's workspace; unset: the project's.
        deps: entries (or asset keys) that must be materialized before.
        arguments: name of a parameter to its value.
        retry: how often a failed job instance is started again.
        retry_interval_seconds: wait before that.
        timeout_seconds: longest time of a job instance, waiting for compute included.
        timeout_per_cell_seconds: the limit for each cell that ``runMultiple`` had. Fabric has none for a job instance,
            so this is for the record (metadata of the asset); ``timeout_seconds`` is what counts.
        session_tag: notebooks with the same tag share a Spark session.
        pool: pool of Dagster, to limit how many run at once.
        description: shown in the UI.
    """

    notebook: str | None = None
    name: str | None = None
    workspace: str | None = None
    deps: list[str] = []
    arguments: dict[str, Argument] = {}
    retry: int | None = Field(default=None, ge=0)
    retry_interval_seconds: Interval | None = None
    timeout_seconds: Seconds | None = None
    timeout_per_cell_seconds: Seconds | None = None
    session_tag: str | None = None
    pool: str | None = None
    description: str | None = None


class JobEntry(_Model):
    """A job: what one DAG or pipeline ran together.

    Attributes:
        notebooks: entries that belong to it.
        max_concurrent: how many of them run at once at most; unset: no limit but the executor's.
        max_runtime_seconds: after this the run is ended (Dagster's tag ``dagster/max_runtime``).
        tags: tags of its runs.
        description: shown in the UI.
    """

    notebooks: list[str]
    max_concurrent: int | None = Field(default=None, ge=1)
    max_runtime_seconds: Seconds | None = None
    tags: dict[str, str] = {}
    description: str | None = None


class Project(_Model):
    """The attributes of ``FabricWorkspaceComponent`` that an importer can fill.

    Attributes:
        workspace: display name or GUID of the workspace, or a template.
        source: where notebook sources come from (a folder, or ``live``); unset: ``notebooks`` names all.
        include: patterns of notebook names that become assets, if there is a ``source``.
        defaults: what holds for every entry.
        notebooks: the entries by key.
        jobs: the jobs by name.
    """

    workspace: str = WORKSPACE_TEMPLATE
    source: str | None = None
    include: list[str] = []
    defaults: NotebookDefaults = NotebookDefaults()
    notebooks: dict[str, NotebookEntry] = {}
    jobs: dict[str, JobEntry] = {}

    def to_yaml(self, comment: str = "") -> str:
        """The project as YAML, with a comment on top.

        Args:
            comment: lines for the top, without ``#``.
        """
        attributes = _literal(self.model_dump(exclude_unset=True))
        attributes["workspace"] = self.workspace  # may be a template
        ordered = {"workspace": attributes.pop("workspace"), **attributes}
        head = "".join(f"# {line}".rstrip() + "\n" for line in comment.splitlines())
        body: str = yaml.dump(
            {"type": COMPONENT_TYPE, "attributes": ordered},
            Dumper=_Dumper,
            sort_keys=False,
            allow_unicode=True,
            width=110,
        )
        return f"{head}{body}"


def valid_asset_name(key: str) -> str | None:
    """The name of an asset for an entry whose key Dagster would not take; ``None`` if it would."""
    if _ASSET_NAME.fullmatch(key):
        return None
    return re.sub(r"[^A-Za-z0-9_]+", "_", key).strip("_") or "notebook"


class _Dumper(yaml.SafeDumper):  # type: ignore[misc]
    """Indents lists below their key, writes no anchors and keeps whole numbers of seconds whole."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    """Texts that look like numbers to a newer YAML than PyYAML's are quoted, and line ends are visible."""
    style = '"' if not text.isprintable() else "'" if re.match(r"[-+.]?\d", text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _literal(value: Any) -> Any:
    """The value with each string that Dagster would take for a template written as a template that yields it."""
    if isinstance(value, dict):
        return {key: _literal(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_literal(entry) for entry in value]
    if isinstance(value, str) and _TEMPLATE.search(value):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\r", "\\r").replace("\n", "\\n")
        return '{{ "' + escaped + '" }}'
    return value
