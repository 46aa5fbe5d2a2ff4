"""The component's part of docs/configuration.md, made from the models."""

from typing import Any

from fabric_assets import FabricWorkspaceComponent

_SECTIONS = {
    "": "`attributes`",
    "DefaultSettings": "`defaults`",
    "NotebookSettings": "`notebooks: {NAME: ...}`",
    "ComputeSettings": "`compute`, in `defaults` and `notebooks`",
    "ArgumentSource": "`arguments: {NAME: {...}}`, in `defaults` and `notebooks`",
    "PartitionSettings": "`partitions`, in `defaults` and `notebooks`",
    "BackfillSettings": "`backfill_policy`, in `defaults` and `notebooks`",
    "AssetElsewhere": "`deps: [{...}]`",
    "TableChecks": "`checks`, in `defaults` and `notebooks`",
    "RowCountBounds": "`checks: {row_count: ...}`",
    "JobSettings": "`jobs: {NAME: ...}`",
    "LineageSettings": "`lineage`",
    "WriterEntry": "`lineage: {writers: [...]}`",
    "LookupEntry": "`lineage: {lookups: [...]}`",
    "IgnoreEntry": "`lineage: {ignore: [...]}`",
    "AllowEntry": "`lineage: {allow: [...]}`",
    "KeySettings": "`keys`",
    "KeyPattern": "`keys: {patterns: [...]}`",
    "ConnectionSettings": "`connection`",
}


def reference() -> str:
    """A table for each model."""
    schema = FabricWorkspaceComponent.model().model_json_schema()
    parts = []
    for name, title in _SECTIONS.items():
        model = schema["$defs"][name] if name else schema
        rows = [_row(key, value, schema) for key, value in model["properties"].items()]
        parts.append(
            "\n".join([f"### {title}", "", "| key | default | meaning |", "| --- | --- | --- |", *rows])
        )
    return "\n\n".join(parts) + "\n"


def _row(key: str, value: dict[str, Any], schema: dict[str, Any]) -> str:
    text = value.get("description") or schema["$defs"][value["$ref"].rpartition("/")[2]]["description"]
    default = value.get("default")
    shown = (
        ""
        if default in (None, "", [], {})
        else f"`{str(default).lower() if isinstance(default, bool) else default}`"
    )
    text = " ".join(text.replace("``", "`").split()).replace("|", "\\|")
    return f"| `{key}` | {shown} | {text} |"
