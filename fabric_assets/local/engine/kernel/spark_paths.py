"""Paths that the embedded Spark can handle."""

import re
from pathlib import Path

_SAFE = re.compile(r"[A-Za-z0-9_.\-+=,@~ ]*".replace(" ", ""))


def is_safe_name(name: str) -> bool:
    """Whether the embedded Spark writes Delta tables to a folder of this name as it should."""
    return _SAFE.fullmatch(name) is not None


class SparkPaths:
    """Links to folders whose names the embedded Spark would misspell.

    It writes Delta tables below ``My Project`` to ``My%20Project``. What has such a part in its path is reached
    through a link in a folder of this kernel.
    """

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._links: dict[Path, Path] = {}

    def for_spark(self, path: str, *, creates: bool = False) -> str:
        """The path to give to Spark; with ``creates`` the folders that need a link are made."""
        if not path.startswith("/"):
            return path
        parts = path.split("/")
        unsafe = [index for index, part in enumerate(parts) if not is_safe_name(part)]
        if not unsafe:
            return path
        folder = Path("/".join(parts[: unsafe[-1] + 1]))
        if creates:
            folder.mkdir(parents=True, exist_ok=True)
        if not folder.is_dir():
            return path
        if folder not in self._links:
            link = self._scratch / f"link-{len(self._links)}"
            link.symlink_to(folder, target_is_directory=True)
            self._links[folder] = link
        return "/".join([str(self._links[folder]), *parts[unsafe[-1] + 1 :]])
