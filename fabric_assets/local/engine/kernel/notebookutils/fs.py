"""``notebookutils.fs``: files of the lakehouses, and of this machine (``file:/...``)."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from fabric_assets.local.engine.kernel.notebookutils.missing import explain
from fabric_assets.local.engine.kernel.session import current_session
from fabric_assets.local.engine.kernel.unsupported import NotSupportedLocallyError

__all__ = [
    "append",
    "cp",
    "exists",
    "fastcp",
    "getMountPath",
    "head",
    "isFile",
    "ls",
    "mkdirs",
    "mount",
    "mounts",
    "mv",
    "put",
    "rm",
    "unmount",
]

_FOREIGN = re.compile(r"(\w{2,}):/")
_missing = explain("notebookutils.fs", __all__)


def __getattr__(name: str) -> Any:
    return _missing(name)


@dataclass(frozen=True)
class FileInfo:
    """A file or folder, with the attribute names of Fabric."""

    name: str
    path: str
    size: int
    isDir: bool  # noqa: N815 - Fabric's name
    isFile: bool  # noqa: N815 - Fabric's name
    modifyTime: int  # noqa: N815 - Fabric's name


def ls(path: str = "Files") -> list[FileInfo]:
    """What is in a folder, sorted by name."""
    folder = _existing(path)
    entries = sorted(folder.iterdir()) if folder.is_dir() else [folder]
    return [_info(entry) for entry in entries]


def exists(path: str) -> bool:
    """Whether there is a file or folder."""
    return _local(path).exists()


def isFile(path: str) -> bool:  # noqa: N802 - Fabric's name
    """Whether there is a file."""
    return _local(path).is_file()


def mkdirs(path: str) -> bool:
    """Create a folder and those above it."""
    _local(path).mkdir(parents=True, exist_ok=True)
    return True


def head(file: str, max_bytes: int = 1024 * 100) -> str:
    """The beginning of a file as text."""
    with _existing(file).open("rb") as stream:
        return stream.read(max_bytes).decode("utf-8", errors="replace")


def put(file: str, content: str, overwrite: bool = False) -> bool:
    """Write a text to a file."""
    target = _local(file)
    if target.exists() and not overwrite:
        raise FileExistsError(f"{file} exists already; pass overwrite=True to replace it")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content, encoding="utf-8", newline="")
    return True


def append(file: str, content: str, createFileIfNotExists: bool = False) -> bool:  # noqa: N803 - Fabric's name
    """Append a text to a file."""
    target = _local(file) if createFileIfNotExists else _existing(file)
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("a", encoding="utf-8", newline="") as stream:
        stream.write(content)
    return True


def cp(src: str, dest: str, recurse: bool = False) -> bool:
    """Copy a file, or with ``recurse`` a folder."""
    source, target = _existing(src), _local(dest)
    if source.is_dir():
        if not recurse:
            raise IsADirectoryError(f"{src} is a folder; pass recurse=True to copy it")
        shutil.copytree(source, target, dirs_exist_ok=True)
        return True
    target = target / source.name if target.is_dir() else target
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    return True


def fastcp(src: str, dest: str, recurse: bool = True, extraConfigs: Any = None) -> bool:  # noqa: N803
    """Copy a file or a folder."""
    del extraConfigs
    return cp(src, dest, recurse)


def mv(src: str, dest: str, create_path: bool = False, overwrite: bool = False) -> bool:
    """Move a file or a folder."""
    source, target = _existing(src), _local(dest)
    target = target / source.name if target.is_dir() else target
    if target.exists():
        if not overwrite:
            raise FileExistsError(f"{dest} exists already; pass overwrite=True to replace it")
        shutil.rmtree(target) if target.is_dir() else target.unlink()
    if not target.parent.exists() and not create_path:
        raise FileNotFoundError(f"the folder of {dest} does not exist; pass create_path=True to create it")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(source, target)
    return True


def rm(path: str, recurse: bool = False) -> bool:
    """Remove a file, or with ``recurse`` a folder."""
    target = _existing(path)
    if not target.is_dir():
        target.unlink()
    elif recurse:
        shutil.rmtree(target)
    elif any(target.iterdir()):
        raise IsADirectoryError(f"{path} is a folder that is not empty; pass recurse=True to remove it")
    else:
        target.rmdir()
    return True


def getMountPath(mountPoint: str, scope: str = "") -> str:  # noqa: N802, N803 - Fabric's names
    """The local path of a mount: here only the default lakehouse has one."""
    del scope
    session = current_session()
    if mountPoint.strip("/") in ("default", "lakehouse/default") and session.default_lakehouse:
        return str(session.default_lakehouse.folder)
    return _no_mounts("getMountPath")


def mount(*_: Any, **__: Any) -> bool:
    """Not available locally."""
    _no_mounts("mount")


def unmount(*_: Any, **__: Any) -> bool:
    """Not available locally."""
    _no_mounts("unmount")


def mounts(*_: Any, **__: Any) -> list[Any]:
    """Mounts of this session: none."""
    return []


def _no_mounts(what: str) -> NoReturn:
    raise NotSupportedLocallyError(
        f"notebookutils.fs.{what}: the local Fabric mounts nothing; use 'Files/...' or the abfss address of a lakehouse"
    )


def _local(path: str) -> Path:
    local = current_session().local_path(str(path))
    if local.startswith("file:"):
        local = "/" + local.removeprefix("file:").lstrip("/")
    foreign = _FOREIGN.match(local)
    if foreign:
        raise NotSupportedLocallyError(
            f"{path}: the local Fabric reaches OneLake paths of its own lakehouses and files of this machine, "
            f"not '{foreign[1]}' storage"
        )
    return Path(local)


def _existing(path: str) -> Path:
    local = _local(path)
    if not local.exists():
        raise FileNotFoundError(f"{path} does not exist (locally {local})")
    return local


def _info(entry: Path) -> FileInfo:
    status = entry.stat()
    address = current_session().onelake_address(entry)
    is_dir = entry.is_dir()
    size = 0 if is_dir else status.st_size
    return FileInfo(entry.name, address, size, is_dir, not is_dir, int(status.st_mtime * 1000))
