"""The ``Copy`` activity between places of lakehouses: files to files, and delimited text to a Delta table.

What would change a file's content on the way, other than that, is refused instead of done by half.
"""

import asyncio
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from fabric_assets.local.lakehouse import DEFAULT_SCHEMA, Lakehouse
from fabric_assets.local.pipelines.surroundings import ActivityError, Surroundings

_FORMATS = {
    "BinarySource": "Binary",
    "BinarySink": "Binary",
    "DelimitedTextSource": "DelimitedText",
    "DelimitedTextSink": "DelimitedText",
}
_TABLE_SINK = "LakehouseTableSink"
_TEXT_SETTINGS = (
    "columnDelimiter",
    "escapeChar",
    "firstRowAsHeader",
    "quoteChar",
    "rowDelimiter",
    "encodingName",
)
_TABLE_ACTIONS = {"append": "append", "overwrite": "overwrite", "overwriteschema": "overwrite"}


@dataclass(frozen=True)
class _Side:
    """Source or sink: its format, its lakehouse, where in it, and the dataset's settings."""

    format: str
    lakehouse: Lakehouse
    root_folder: str
    settings: Mapping[str, Any]
    store: Mapping[str, Any]

    @property
    def location(self) -> Mapping[str, Any]:
        return self.settings.get("location") or {}

    def folder(self) -> Path:
        files = self.lakehouse.folder / "Files"
        folder = files / str(self.location.get("folderPath") or "").strip("/")
        if not folder.resolve().is_relative_to(files.resolve()):
            raise ActivityError(
                f"The folder '{self.location.get('folderPath')}' leaves the lakehouse's Files."
            )
        return folder


async def copy(surroundings: Surroundings, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Copy; returns the counts of files, bytes and rows.

    Raises:
        ActivityError: there is nothing to copy, or this kind of copy is not done here.
    """
    source_settings, sink_settings = settings.get("source") or {}, settings.get("sink") or {}
    source = _side(surroundings, source_settings, "source")
    sink = _side(surroundings, sink_settings, "sink")
    if source.root_folder != "Files":
        raise ActivityError("The local Fabric copies from the Files of a lakehouse, not from its Tables.")
    files = _source_files(source)
    if sink_settings.get("type") == _TABLE_SINK:
        if source.format != "DelimitedText":
            raise ActivityError("The local Fabric copies delimited text into tables, no other format.")
        if (settings.get("translator") or {}).get("mappings"):
            raise ActivityError("The local Fabric copies columns as they are: remove the mapping of columns.")
        return await asyncio.to_thread(_to_table, source, files, sink, sink_settings)
    _check_same_content(source, sink)
    return await asyncio.to_thread(_to_files, source, files, sink)


def _side(surroundings: Surroundings, settings: Mapping[str, Any], where: str) -> _Side:
    kind = settings.get("type")
    if kind not in _FORMATS and not (kind == _TABLE_SINK and where == "sink"):
        known = ", ".join(name for name in _FORMATS if name.casefold().endswith(where))
        raise ActivityError(f"The local Fabric does not copy with the {where} {kind}; it has {known}.")
    dataset = settings.get("datasetSettings") or {}
    connection = dataset.get("linkedService") or dataset.get("connectionSettings") or {}
    properties = connection.get("properties") or {}
    if properties.get("type") != "Lakehouse":
        raise ActivityError(
            f"The local Fabric copies between lakehouses; the {where}'s connection is {properties.get('type')!r}."
        )
    target = properties.get("typeProperties") or {}
    lakehouse = surroundings.lakehouse(
        target.get("artifactId"), target.get("workspaceId"), connection.get("name")
    )
    lakehouse.create_folders()
    root = str(target.get("rootFolder") or ("Tables" if kind == _TABLE_SINK else "Files"))
    typed = dataset.get("typeProperties") or {}
    if typed.get("compression") or typed.get("compressionCodec"):
        raise ActivityError(f"The local Fabric does not compress or unpack files; the {where} wants that.")
    return _Side(
        _FORMATS.get(str(kind), "Table"), lakehouse, root, typed, settings.get("storeSettings") or {}
    )


def _source_files(source: _Side) -> list[tuple[Path, Path]]:
    """The files, each with its path relative to the folder that is copied."""
    if source.store.get("deleteFilesAfterCompletion"):
        raise ActivityError("The local Fabric does not delete files after they were copied.")
    folder = source.folder()
    if name := source.location.get("fileName"):
        found = [folder / str(name)] if (folder / str(name)).is_file() else []
    else:
        pattern = str(source.store.get("wildcardFileName") or "*")
        if wildcard := source.store.get("wildcardFolderPath"):
            folder = source.lakehouse.folder / "Files"
            folders = [path for path in folder.glob(str(wildcard).strip("/")) if path.is_dir()]
        else:
            folders = [folder]
        recursive = source.store.get("recursive") is not False
        found = sorted(
            path
            for start in folders
            for path in start.glob("**/*" if recursive else "*")
            if path.is_file() and fnmatch(path.name, pattern)
        )
    files = (source.lakehouse.folder / "Files").resolve()
    if any(not path.resolve().is_relative_to(files) for path in found):
        raise ActivityError("A file of the source is a link that leaves the lakehouse.")
    if not found:
        where = "/".join(
            filter(None, ("Files", str(source.location.get("folderPath") or ""), str(name or "")))
        )
        raise ActivityError(
            f"There is no file to copy in {where} of lakehouse '{source.lakehouse.name}'.",
            "UserErrorFileNotFound",
        )
    return [(path, path.relative_to(folder)) for path in found]


def _check_same_content(source: _Side, sink: _Side) -> None:
    same = source.format == sink.format and all(
        source.settings.get(name) == sink.settings.get(name) for name in _TEXT_SETTINGS
    )
    if same:
        return
    raise ActivityError(
        f"The local Fabric copies files as they are, and does not turn {source.format} into {sink.format} "
        "or into text with other delimiters."
    )


def _to_files(source: _Side, files: list[tuple[Path, Path]], sink: _Side) -> dict[str, Any]:
    if sink.store.get("copyBehavior") not in (None, "", "PreserveHierarchy", "FlattenHierarchy"):
        raise ActivityError(f"The local Fabric does not copy with the behavior {sink.store['copyBehavior']}.")
    name = sink.location.get("fileName")
    if name and len(files) > 1:
        raise ActivityError(f"{len(files)} files cannot be copied into the one file '{name}'.")
    copied = 0
    for path, relative in files:
        flat = sink.store.get("copyBehavior") == "FlattenHierarchy"
        target = sink.folder() / (str(name) if name else relative.name if flat else relative)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.resolve() == path.resolve():
            raise ActivityError(f"'{relative}' would be copied onto itself.")
        new = target.with_name(f".{target.name}.new")
        shutil.copyfile(path, new)
        copied += new.stat().st_size
        new.replace(target)
    return {"filesRead": len(files), "filesWritten": len(files), "dataRead": copied, "dataWritten": copied}


def _to_table(
    source: _Side, files: list[tuple[Path, Path]], sink: _Side, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """All files as rows of a Delta table; every column is a text, as Fabric reads delimited text without a mapping."""
    import pyarrow as pa  # type: ignore[import-untyped]
    from deltalake import write_deltalake
    from deltalake.exceptions import DeltaError

    table, action = sink.settings.get("table"), str(settings.get("tableActionOption") or "Append")
    mode = _TABLE_ACTIONS.get(action.casefold())
    if not table or mode is None:
        raise ActivityError(
            f"The local Fabric writes tables by Append or Overwrite, not by {action}; a table name is needed."
        )
    try:
        rows = pa.concat_tables([_read(path, source.settings) for path, _ in files])
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise ActivityError(f"The delimited text cannot be read: {error}", "DelimitedTextInvalid") from error
    folder = sink.lakehouse.tables_folder
    if sink.lakehouse.has_schemas:
        folder = folder / str(sink.settings.get("schema") or DEFAULT_SCHEMA)
    target = folder / str(table)
    if not target.resolve().is_relative_to(sink.lakehouse.tables_folder.resolve()):
        raise ActivityError(f"The table name '{table}' leaves the lakehouse's Tables.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_deltalake(
            str(target),
            rows,
            mode=mode,
            schema_mode="overwrite" if mode == "overwrite" else None,  # type: ignore[call-overload]
        )
    except (DeltaError, ValueError, OSError) as error:
        raise ActivityError(f"Table '{table}' cannot be written: {error}", "TableWriteFailed") from error
    return {"filesRead": len(files), "rowsRead": rows.num_rows, "rowsCopied": rows.num_rows}


def _read(path: Path, settings: Mapping[str, Any]) -> Any:
    import pyarrow as pa
    from pyarrow import csv

    header = settings.get("firstRowAsHeader") is True
    quote, escape = settings.get("quoteChar", '"'), settings.get("escapeChar", "\\")
    parse = csv.ParseOptions(
        delimiter=settings.get("columnDelimiter") or ",",
        quote_char=quote or False,
        double_quote=quote == escape,
        escape_char=escape if escape and escape != quote else False,
        newlines_in_values=True,
    )
    read = csv.ReadOptions(
        autogenerate_column_names=not header, encoding=settings.get("encodingName") or "utf8"
    )
    with csv.open_csv(path, read, parse) as reader:
        names = reader.schema.names
    if not header:
        names = [f"Prop_{index}" for index in range(len(names))]
        read = csv.ReadOptions(column_names=names, encoding=settings.get("encodingName") or "utf8")
    convert = csv.ConvertOptions(
        column_types={name: pa.string() for name in names},
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[str(settings.get("nullValue") or "")],
    )
    return csv.read_csv(path, read, parse, convert)
