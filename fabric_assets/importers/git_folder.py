"""Items that lie beside the imported one in Fabric's Git format: ids to names, names to sources."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

from fabric_assets.importers.errors import ImportFileError

_MAX_FOLDERS = 20_000
_SKIPPED = frozenset({".git", ".venv", "node_modules", "__pycache__"})
_CONTENTS = {
    "Notebook": (
        "notebook-content.py",
        "notebook-content.ipynb",
        "notebook-content.sql",
        "notebook-content.scala",
    ),
    "DataPipeline": ("pipeline-content.json",),
}


@dataclass(frozen=True)
class GitItem:
    """An item in Git: its type, display name, logical id and folder."""

    type: str
    name: str
    logical_id: str
    folder: Path

    def content(self) -> Path | None:
        """The file with its definition."""
        return content_of(self.folder, self.type)


class GitFolder:
    """The items of a folder in Fabric's Git format, found when first asked for.

    Args:
        root: the folder; ``None``: there are none.
        beside: the folder of the imported file, where pipelines of Data Factory lie side by side.
    """

    def __init__(self, root: Path | None, beside: Path | None = None) -> None:
        self._root = root
        self._beside = beside
        self._items: list[GitItem] | None = None

    def by_id(self, logical_id: str) -> GitItem | None:
        """The item with this logical id."""
        wanted = logical_id.lower()
        return next((item for item in self._all() if item.logical_id == wanted), None)

    def by_name(self, item_type: str, name: str) -> GitItem | None:
        """The only item of the type with this display name; ``None`` if there is none, or several."""
        found = [item for item in self._all() if item.type == item_type and item.name == name]
        return found[0] if len(found) == 1 else None

    def json_beside(self, name: str) -> Path | None:
        """The file ``name.json`` in the folder of the imported file."""
        if self._beside is None or not re.fullmatch(r"\w[\w .()-]*", name):
            return None
        path = self._beside / f"{name}.json"
        return path if path.is_file() else None

    def _all(self) -> list[GitItem]:
        if self._items is None:
            self._items = _find_items(self._root) if self._root is not None else []
        return self._items


def content_of(folder: Path, item_type: str | None = None) -> Path | None:
    """The file with the definition of the item in a folder, ``None`` if there is none."""
    types = [item_type] if item_type else list(_CONTENTS)
    names = [name for key in types for name in _CONTENTS.get(key, ())]
    names += [] if item_type == "DataPipeline" else sorted(path.name for path in folder.glob("*.ipynb"))
    return next((folder / name for name in names if (folder / name).is_file()), None)


def enclosing_folder(path: Path) -> Path | None:
    """Where the neighbours of an item's file are: the Git repository, else the folder that holds the item's folder."""
    item = path.parent
    if item.suffix not in (".Notebook", ".DataPipeline"):
        return None
    for folder in list(item.parents)[:8]:
        if (folder / ".git").exists():
            return folder
    return item.parent


def _find_items(root: Path) -> list[GitItem]:
    items: list[GitItem] = []
    for number, (folder, folders, files) in enumerate(os.walk(root)):
        folders[:] = sorted(name for name in folders if name not in _SKIPPED)
        if number > _MAX_FOLDERS:
            raise ImportFileError(root, "", f"has more than {_MAX_FOLDERS:,} folders; name a smaller one")
        if ".platform" in files:
            folders.clear()
            item = _item(Path(folder))
            if item is not None:
                items.append(item)
    return items


def _item(folder: Path) -> GitItem | None:
    """The item that ``.platform`` describes; one that cannot be read only means that ids stay ids."""
    try:
        platform = json.loads((folder / ".platform").read_text("utf-8-sig"))
        metadata, config = platform["metadata"], platform.get("config") or {}
        return GitItem(
            str(metadata["type"]),
            str(metadata["displayName"]),
            str(config.get("logicalId", "")).lower(),
            folder,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
