"""The lineage of a workspace, wherever its notebooks are: a folder, or a workspace that was read over the API."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

from fabric_assets.lineage import Lineage, LineageConfig, WorkspaceSource, analyze
from fabric_assets.lineage.workspace import read_folder
from fabric_assets.live_workspace import LiveWorkspace


def cache_folder() -> Path:
    """Where results of the analysis are kept, so that only changed notebooks are analyzed again."""
    base = os.environ.get("LOCALAPPDATA" if os.name == "nt" else "XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "fabric_assets"


def lineage_of_folder(folder: Path, config: LineageConfig, cache: Path | None = None) -> Lineage:
    """The lineage of a folder in Fabric's Git format.

    Args:
        folder: the folder.
        config: what the source does not say itself.
        cache: where results are kept; default: ``cache_folder()``.

    Raises:
        FileNotFoundError: there is no such folder.
        NotADirectoryError: it is no folder.
    """
    return _analyzed(read_folder(folder), config, cache, str(folder.resolve()))


def lineage_of_live(workspace: LiveWorkspace, config: LineageConfig, cache: Path | None = None) -> Lineage:
    """The lineage of a workspace that was read over the API, unreadable notebooks with it.

    Args:
        workspace: the workspace.
        config: what the source does not say itself.
        cache: where results are kept; default: ``cache_folder()``.
    """
    lineage = _analyzed(workspace.source(), config, cache, workspace.id)
    return replace(lineage, notebooks=(*lineage.notebooks, *workspace.unread()))


def seed_cache(files: Mapping[str, str]) -> None:
    """Put results that were kept elsewhere where the next analysis finds them, unless it has newer ones."""
    folder = cache_folder()
    for name, content in files.items():
        target = folder / Path(name).name
        if not target.exists():
            try:
                folder.mkdir(parents=True, exist_ok=True)
                target.write_text(content, encoding="utf-8")
            except OSError:
                return  # it only costs the time of an analysis


def _analyzed(source: WorkspaceSource, config: LineageConfig, cache: Path | None, name: str) -> Lineage:
    # Results belong to a configuration: two of them over one folder must not push each other out.
    digest = hashlib.sha256(repr(asdict(config)).encode()).hexdigest()
    return analyze(source, config, cache_folder=cache or cache_folder(), cache_name=f"{name} {digest}")
