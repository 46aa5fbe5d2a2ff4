"""Reads text and JSON that may be anything: places in messages, duplicate keys, depth, encodings."""

import codecs
import json
from pathlib import Path
from typing import Any

from fabric_assets.importers.errors import ImportFileError

MAX_BYTES = 20_000_000
_MAX_DEPTH = 100
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the one of UTF-16
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_text(path: Path) -> str:
    r"""The text of a file in UTF-8, or in UTF-16 or UTF-32 with a byte order mark; line ends are ``\n``.

    Raises:
        ImportFileError: it is not there, too large, or no text.
    """
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise ImportFileError(path, "", f"has {size:,} bytes; more than {MAX_BYTES:,} are not read")
        data = path.read_bytes()
    except FileNotFoundError:
        raise ImportFileError(path, "", "there is no such file") from None
    except (OSError, ValueError) as error:
        raise ImportFileError(path, "", f"cannot be read: {error}") from error
    encoding = next((name for bom, name in _BOMS if data.startswith(bom)), "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        hint = f"is not {encoding.removesuffix('-sig').upper()} text; save it as UTF-8"
        line = data.count(b"\n", 0, error.start) + 1
        raise ImportFileError(path, f"line {line}", hint) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        wide = text.count("\0") * 3 > len(text)
        reason = (
            "looks like UTF-16 without a byte order mark"
            if wide
            else "holds a NUL character, so it is no text"
        )
        raise ImportFileError(path, f"line {line}", f"{reason}; save it as UTF-8")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def parse_json(path: Path, text: str, where: str = "") -> Any:
    """The value of a JSON text.

    Args:
        path: the file, for messages.
        text: the JSON.
        where: the place of the text in the file, for messages.

    Raises:
        ImportFileError: it is not JSON, is nested too deeply, or a key stands twice in one object.
    """
    prefix = f"{where}: " if where else ""
    try:
        value = json.loads(text, object_pairs_hook=_Object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        place = f"{prefix}line {error.lineno}, column {error.colno}"
        raise ImportFileError(path, place, f"is not valid JSON: {error.msg}") from error
    except RecursionError:
        raise ImportFileError(path, where, f"is nested more than {_MAX_DEPTH} levels deep") from None
    except ValueError as error:
        raise ImportFileError(path, where, f"is not valid JSON: {error}") from error
    return _checked(path, value, where, 0)


class _Object(dict[str, Any]):
    """An object that remembers which of its keys stood there twice."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.twice: str | None = None
        if len(self) != len(pairs):
            seen: set[str] = set()
            self.twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]


def _no_constant(name: str) -> Any:
    raise ValueError(f"it holds {name}, which JSON does not have")


def _checked(path: Path, value: Any, where: str, depth: int) -> Any:
    """The value in plain ``dict`` and ``list``."""
    if depth > _MAX_DEPTH:
        raise ImportFileError(path, where[:200], f"is nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, _Object):
        if value.twice is not None:
            raise ImportFileError(
                path, where, f"the key {value.twice!r} stands twice in one object; only one of them can count"
            )
        return {
            _text(path, key, where): _checked(path, entry, f"{where}.{key}" if where else key, depth + 1)
            for key, entry in value.items()
        }
    if isinstance(value, list):
        return [_checked(path, entry, f"{where}[{index}]", depth + 1) for index, entry in enumerate(value)]
    if isinstance(value, str):
        return _text(path, value, where)
    return value


def _text(path: Path, text: str, where: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        reason = f"the text {text[:60]!r} holds half a character (a lone surrogate), which no file can carry"
        raise ImportFileError(path, where, reason) from None
    return text
