"""What is known of notebooks and tables, as metadata of assets."""

from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from fabric_assets.lineage import NotebookLineage, Table
from fabric_assets.translator import NotebookData

Producers = dict[Table, list[dg.AssetKey]]
"""The assets that write a table."""


def notebook_metadata(notebook: NotebookData) -> dict[str, Any]:
    """Where the source of a notebook is, and what could not be decided in it."""
    metadata: dict[str, Any] = {}
    references: list[Any] = []
    if notebook.file is not None:
        label = f"notebook {notebook.name}"
        references.append(dg.LocalFileCodeReference(file_path=str(notebook.file), line_number=1, label=label))
    if notebook.url is not None:
        references.append(dg.UrlCodeReference(url=notebook.url, label=f"notebook {notebook.name} in Fabric"))
        metadata["fabric/notebook_url"] = dg.MetadataValue.url(notebook.url)
    if references:
        metadata["dagster/code_references"] = dg.CodeReferencesMetadataValue(code_references=references)
    if notebook.lineage is not None and notebook.lineage.unresolved:
        gaps = [f"cell {gap.cell}, line {gap.line}: {gap.reason}" for gap in notebook.lineage.unresolved]
        metadata["fabric/unresolved"] = dg.MetadataValue.json(gaps)
    return metadata


def table_metadata(
    lineage: NotebookLineage | None,
    producers: Mapping[Table, list[dg.AssetKey]],
    external: Callable[[Table], dg.AssetKey],
    *,
    only: Table | None = None,
) -> dict[str, Any]:
    """The tables that a notebook reads and writes, and where their columns come from.

    Args:
        lineage: the notebook.
        producers: the assets that write each table.
        external: key of a table that no asset writes.
        only: tell of this table only.
    """
    if lineage is None:
        return {}
    metadata: dict[str, Any] = {}
    written = [only] if only else list(lineage.writes)
    if lineage.reads:
        metadata["fabric/reads"] = [str(table) for table in lineage.reads]
    if written:
        metadata["fabric/writes"] = [str(table) for table in written]
    if len(written) != 1:
        return metadata
    (table,) = written
    metadata["dagster/table_name"] = str(table)
    columns = lineage.column_lineage.get(table, {})
    if columns:
        metadata["dagster/column_lineage"] = dg.TableColumnLineage(
            {
                column: [
                    dg.TableColumnDep(asset_key=key, column_name=name)
                    for source, name in pairs
                    for key in producers.get(source, [external(source)])[:1]
                ]
                for column, pairs in columns.items()
            }
        )
    return metadata
