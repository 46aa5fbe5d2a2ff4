"""The reference in docs/asset-graph.md, made from the models: ``python -m tests.component.reference`` writes it."""

from pathlib import Path
from typing import Any

from fabric_assets import FabricWorkspaceComponent

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "asset-graph.md"
BEGIN = "<!-- reference: made by `python -m tests.component.reference` -->\n"
END = "<!-- end of reference -->\n"

_SECTIONS = {
    "": "`attributes`",
    "DefaultSettings": "`defaults`",
    "NotebookSettings": "`notebooks: {NAME: ...}`",
    "ComputeSettings": "`compute`, in `defaults` and `notebooks`",
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


def written() -> str:
    """The reference as it stands in the document."""
    return DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip() + "\n"


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


def main() -> None:
    """Put the reference into the document."""
    text = DOCUMENT.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCUMENT.write_text(f"{before}{BEGIN}\n{reference()}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
