"""Writes items in Fabric's Git format, and reads them as the parts of a definition."""

import base64
import binascii
import json
import shutil
import tempfile
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from fabric_assets.local import errors
from fabric_assets.local.home import LocalHome
from fabric_assets.local.items import (
    FORBIDDEN_IN_NAMES,
    MAX_NAME_BYTES,
    NO_LOGICAL_ID,
    NOTEBOOK_CONTENT,
    PLATFORM_FILE,
    Item,
    Workspace,
    is_folder_name,
    item_id,
)
from fabric_assets.local.notebook_source import NotebookSourceError, parse_notebook, to_git_text, to_ipynb

_PLATFORM_SCHEMA = (
    "https://developer.microsoft.com/json-schemas/fabric/gitIntegration/platformProperties/2.0.0/schema.json"
)
_EMPTY_NOTEBOOK = """\
# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {}
# META }

# CELL ********************

# Welcome to your new notebook
# Type here in the cell editor to add code!

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
"""
_FORMATS = {"fabricgitsource": "FabricGitSource", "ipynb": "ipynb"}


@dataclass(frozen=True)
class Definition:
    """The parts of an item: relative path to content."""

    parts: Mapping[str, bytes]

    def to_json(self) -> dict[str, Any]:
        """As the REST API writes it."""
        return {
            "definition": {
                "parts": [
                    {
                        "path": path,
                        "payload": base64.b64encode(content).decode("ascii"),
                        "payloadType": "InlineBase64",
                    }
                    for path, content in self.parts.items()
                ]
            }
        }


def parse_definition(body: Any) -> Definition:
    """The ``definition`` object of a request.

    Raises:
        ApiError: it has another shape, or a part would leave the item's folder.
    """
    if not isinstance(body, dict) or not isinstance(body.get("parts"), list) or not body["parts"]:
        raise errors.invalid_input("'definition' must be an object with a list 'parts'.")
    if unknown := sorted(set(body) - {"format", "parts"}):
        raise errors.invalid_input(f"'definition' has the unknown field '{unknown[0]}'.")
    definition_format(body.get("format"))
    parts: dict[str, bytes] = {}
    for part in body["parts"]:
        if (
            not isinstance(part, dict)
            or not isinstance(part.get("path"), str)
            or not isinstance(part.get("payload"), str)
        ):
            raise errors.invalid_input("each part of a definition needs 'path', 'payload' and 'payloadType'.")
        if part.get("payloadType") != "InlineBase64":
            raise errors.invalid_input(f"part '{part['path']}': the payloadType must be InlineBase64.")
        path = _safe_part_path(part["path"])
        if path in parts:
            raise errors.invalid_input(f"the definition has two parts '{path}'.")
        try:
            parts[path] = base64.b64decode(part["payload"], validate=True)
        except (binascii.Error, ValueError) as error:
            raise errors.invalid_input(f"part '{path}': the payload is no base64: {error}.") from error
    return Definition(parts)


def definition_format(name: str | None) -> str:
    """``FabricGitSource`` (the default) or ``ipynb``.

    Raises:
        ApiError: another one.
    """
    found = (
        _FORMATS.get((name or "FabricGitSource").casefold())
        if name is None or isinstance(name, str)
        else None
    )
    if found is None:
        raise errors.invalid_parameter(
            f"'{name}' is no format of a notebook definition: FabricGitSource or ipynb."
        )
    return found


def read_definition(item: Item, wanted_format: str = "FabricGitSource") -> Definition:
    """An item's files, a notebook's source converted if it stands in the other format.

    Raises:
        ApiError: the source cannot be converted.
    """
    if item.path is None:
        raise errors.operation_not_supported(f"'{item.display_name}' is simulated and has no definition.")
    parts: dict[str, bytes] = {}
    if item.path.is_dir():
        for path in sorted(item.path.rglob("*")):
            if path.is_file() and not path.is_symlink() and path.name != PLATFORM_FILE:
                parts[path.relative_to(item.path).as_posix()] = path.read_bytes()
    if item.source is not None:
        parts.pop(item.source.name, None)
        name, content = _source_as(item, wanted_format)
        parts = {name: content, **parts}
    parts[PLATFORM_FILE] = _platform_as_exported(item)
    return Definition(parts)


def create_item(
    home: LocalHome,
    workspace: Workspace,
    item_type: str,
    display_name: str,
    description: str,
    definition: Definition | None,
    *,
    enable_schemas: bool = False,
) -> str:
    """Write a new item's folder; returns its item id.

    Raises:
        ApiError: the name cannot be used or is taken, or the definition has no content.
    """
    check_display_name(display_name)
    taken = {(item.type, item.display_name.casefold()) for item in workspace.items.values()}
    folder = workspace.path / f"{display_name}.{item_type}"
    if (item_type, display_name.casefold()) in taken or folder.exists():
        raise errors.name_in_use(display_name, item_type)
    parts = dict(definition.parts) if definition is not None else _default_parts(item_type, enable_schemas)
    parts.pop(PLATFORM_FILE, None)
    if item_type == "Notebook":
        _check_notebook_parts(parts)
    logical_id = str(uuid.uuid4())
    parts[PLATFORM_FILE] = _platform(item_type, display_name, description, logical_id)
    _write_folder(folder, parts)
    if item_type == "Lakehouse":
        for name in ("Files", "Tables/dbo" if enable_schemas else "Tables"):
            (home.lakehouse(workspace.display_name, display_name) / name).mkdir(parents=True, exist_ok=True)
    return item_id(workspace.id, logical_id)


def update_properties(
    item: Item, workspace: Workspace, display_name: str | None, description: str | None
) -> None:
    """Change name and description of an item in its ``.platform``.

    Raises:
        ApiError: the name cannot be used or is taken, or the item has no ``.platform``.
    """
    if item.path is None or not item.path.is_dir():
        raise errors.operation_not_supported(
            f"'{item.display_name}' has no .platform file that could be changed."
        )
    if display_name is not None and display_name != item.display_name:
        check_display_name(display_name)
        others = {
            (other.type, other.display_name.casefold())
            for other in workspace.items.values()
            if other.id != item.id
        }
        if (item.type, display_name.casefold()) in others:
            raise errors.name_in_use(display_name, item.type)
        if item.type == "Lakehouse":
            raise errors.feature_not_available(
                "The local Fabric cannot rename a lakehouse: its data has the same name."
            )
    content = json.loads((item.path / PLATFORM_FILE).read_text(encoding="utf-8-sig"))
    if display_name is not None:
        content["metadata"]["displayName"] = display_name
    if description is not None:
        content["metadata"]["description"] = description
    _write_file(item.path / PLATFORM_FILE, _json_bytes(content))


def update_definition(item: Item, definition: Definition) -> None:
    """Replace an item's files, all but its ``.platform``.

    Raises:
        ApiError: the item has no folder, or the definition has no content.
    """
    if item.path is None:
        raise errors.operation_not_supported(f"'{item.display_name}' is simulated and has no definition.")
    parts = {path: content for path, content in definition.parts.items() if path != PLATFORM_FILE}
    if item.type == "Notebook":
        _check_notebook_parts(parts)
    if not item.path.is_dir():
        if set(parts) != {"notebook-content.ipynb"}:
            raise errors.operation_not_supported(
                f"'{item.path.name}' is a bare notebook file: send its ipynb only."
            )
        _write_file(item.path, parts["notebook-content.ipynb"])
        return
    platform = (item.path / PLATFORM_FILE).read_bytes() if (item.path / PLATFORM_FILE).exists() else b""
    if not platform:
        platform = _platform(item.type, item.display_name, item.description, str(uuid.uuid4()))
    with tempfile.TemporaryDirectory(dir=item.path.parent, prefix=".replaced-") as trash:
        item.path.rename(Path(trash) / "old")
        try:
            _write_folder(item.path, {**parts, PLATFORM_FILE: platform})
        except BaseException:
            (Path(trash) / "old").rename(item.path)
            raise


def delete_item(home: LocalHome, workspace: Workspace, item: Item) -> None:
    """Delete an item's files; a lakehouse's data goes with it.

    Raises:
        ApiError: the item is simulated.
    """
    if item.type == "SQLEndpoint" and item.path is None:
        raise errors.operation_not_supported(
            f"The SQL endpoint '{item.display_name}' belongs to its lakehouse: delete that."
        )
    if item.path is None:
        raise errors.operation_not_supported(f"'{item.display_name}' is simulated and cannot be deleted.")
    if item.path.is_dir() and not item.path.is_symlink():
        shutil.rmtree(item.path)
    else:
        item.path.unlink()
    if item.type == "Lakehouse":
        shutil.rmtree(home.lakehouse(workspace.display_name, item.display_name), ignore_errors=True)


def platform_metadata(definition: Definition) -> tuple[str | None, str | None]:
    """Display name and description of a definition's ``.platform`` part.

    Raises:
        ApiError: the part cannot be read.
    """
    if PLATFORM_FILE not in definition.parts:
        return None, None
    try:
        metadata = json.loads(definition.parts[PLATFORM_FILE].decode("utf-8-sig"))["metadata"]
        return metadata.get("displayName"), metadata.get("description")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise errors.invalid_input(f"part '.platform' cannot be read: {error!r}.") from error


def check_display_name(name: Any) -> None:
    """Refuse a name that cannot be the name of an item's folder.

    Raises:
        ApiError: with the reason.
    """
    if not isinstance(name, str) or not is_folder_name(name):
        raise errors.invalid_input(
            f"the displayName {name!r} must be a text of 1 to {MAX_NAME_BYTES} bytes without blanks around it, "
            f"without a leading dot, and without {' '.join(FORBIDDEN_IN_NAMES)}"
        )


def _safe_part_path(path: str) -> str:
    pure = PurePosixPath(path)
    unsafe = not path or "\\" in path or "\0" in path or ":" in path or pure.is_absolute()
    if unsafe or ".." in pure.parts or not pure.parts:
        raise errors.invalid_input(f"the part path {path!r} leaves the item's folder.")
    return pure.as_posix()


def _check_notebook_parts(parts: Mapping[str, bytes]) -> None:
    names = [name for name in parts if name in NOTEBOOK_CONTENT]
    if len(names) != 1:
        raise errors.invalid_input(
            f"a notebook's definition needs exactly one of the parts {', '.join(NOTEBOOK_CONTENT)}."
        )
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / names[0]
        source.write_bytes(parts[names[0]])
        try:
            parse_notebook(source)
        except NotebookSourceError as error:
            where = f"{names[0]}, line {error.line}" if error.line else names[0]
            raise errors.invalid_input(f"{where}: {error.reason}") from error


def _source_as(item: Item, wanted_format: str) -> tuple[str, bytes]:
    """Name and content of a notebook's source in a format."""
    assert item.source is not None  # noqa: S101 - the caller checked it
    stands_as_ipynb = item.source.suffix == ".ipynb"
    if stands_as_ipynb == (wanted_format == "ipynb"):
        return f"notebook-content{item.source.suffix}", item.source.read_bytes()
    try:
        notebook = parse_notebook(item.source)
    except NotebookSourceError as error:
        raise errors.item_broken(item.display_name, str(error.reason)) from error
    if wanted_format == "ipynb":
        return "notebook-content.ipynb", to_ipynb(notebook).encode()
    return "notebook-content.py", to_git_text(notebook).encode()


def _platform_as_exported(item: Item) -> bytes:
    """The ``.platform`` part: Fabric writes it without the logical id."""
    return _platform(item.type, item.display_name, item.description, NO_LOGICAL_ID)


def _platform(item_type: str, display_name: str, description: str, logical_id: str) -> bytes:
    metadata = {"type": item_type, "displayName": display_name}
    if description:
        metadata["description"] = description
    return _json_bytes(
        {
            "$schema": _PLATFORM_SCHEMA,
            "metadata": metadata,
            "config": {"version": "2.0", "logicalId": logical_id},
        }
    )


def _default_parts(item_type: str, enable_schemas: bool) -> dict[str, bytes]:
    if item_type == "Notebook":
        return {"notebook-content.py": _EMPTY_NOTEBOOK.encode()}
    if item_type == "Lakehouse":
        return {"lakehouse.metadata.json": _json_bytes({"defaultSchema": "dbo"} if enable_schemas else {})}
    if item_type == "DataPipeline":
        return {"pipeline-content.json": _json_bytes({"properties": {"activities": []}})}
    return {}


def _json_bytes(content: Any) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode()


def _write_folder(folder: Path, parts: Mapping[str, bytes]) -> None:
    """Write a folder so that it is there as a whole or not at all."""
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as parent:
        new = Path(parent) / "item"
        for path, content in parts.items():
            target = new / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        new.rename(folder)


def _write_file(path: Path, content: bytes) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_bytes(content)
    new.replace(path)
