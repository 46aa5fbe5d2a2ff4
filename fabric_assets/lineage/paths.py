"""Paths that are put together with ``os.path`` and ``pathlib``; a path is followed as its text."""

import posixpath
import re
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath
from typing import Any

from fabric_assets.lineage.plain import from_python, text_of
from fabric_assets.lineage.values import Const, Text, Unknown, concatenate
from fabric_assets.lineage.words import words

_PARTS = words("name stem suffix parent")
_FUNCTIONS: dict[str, Callable[[str], Any]] = {
    "basename": posixpath.basename,
    "dirname": posixpath.dirname,
    "normpath": posixpath.normpath,
    "abspath": posixpath.normpath,
    "splitext": posixpath.splitext,
    "split": posixpath.split,
}


def joined_path(*parts: Any) -> Any:
    """The parts as one path: one that is absolute starts anew."""
    texts: list[Const | Text] = []
    for part in parts:
        text = text_of(part)
        absolute = isinstance(text, Const) and str(text.value).startswith("/")
        if texts and not absolute:
            texts.append(Const("/"))
        elif absolute:
            texts.clear()
        texts.append(text)
    joined = concatenate(texts)
    if isinstance(joined, Const):
        return Const(re.sub(r"(?<!:)/{2,}", "/", joined.value), joined.overridable)
    return joined


def path_function(name: str, path: Any) -> Any:
    """The value of a function of ``os.path`` with one path."""
    if name in ("abspath", "realpath", "expanduser", "expandvars", "normpath") and isinstance(path, Text):
        return path
    if not isinstance(path, Const) or not isinstance(path.value, str):
        return Unknown()
    function = _FUNCTIONS.get(name)
    return from_python(function(path.value), path.overridable) if function is not None else Unknown()


def path_attribute(path: Const | Text, name: str) -> Any | None:
    """What ``pathlib`` gives under this name, ``None`` if it is not one of its names."""
    if name not in _PARTS or (isinstance(path, Const) and not isinstance(path.value, str)):
        return None
    if isinstance(path, Const):
        return Const(str(getattr(PurePosixPath(path.value), name)), path.overridable)
    head, last = path.parts[:-1], path.parts[-1]
    if not isinstance(last, str) or "/" not in last:
        return Unknown()
    before, _, file = last.rpartition("/")
    if name == "parent":
        return concatenate([Text(head), Const(before)])
    return Const(str(getattr(PurePosixPath(file), name)))


def path_method(path: Const | Text, name: str, arguments: Sequence[Any]) -> Any | None:
    """The value of a method of a path, ``None`` if it is not one that gives a path or text."""
    if name == "joinpath":
        return joined_path(path, *arguments)
    if name in ("with_name", "with_suffix", "with_stem"):
        plain = [argument.value for argument in (path, *arguments) if isinstance(argument, Const)]
        try:
            return Const(str(getattr(PurePosixPath(plain[0]), name)(plain[1])))
        except (ValueError, TypeError, IndexError, AttributeError):
            return Unknown()
    return path if name in ("as_posix", "resolve", "absolute", "expanduser") else None
