"""From notebooks and tables to keys, groups and kinds of assets: what users override."""

from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from fabric_assets.asset_names import NameRules, identifier
from fabric_assets.lineage.results import NotebookLineage
from fabric_assets.lineage.tables import Table

_DEFAULT_RULES = NameRules()
_KERNEL_KINDS = {"synapse_pyspark": "pyspark", "jupyter": "python", "sqldatawarehouse": "sql"}


@dataclass(frozen=True)
class NotebookData:
    """What a key, a group and a description can be made of.

    Attributes:
        name: display name; of an entry with a key of its own, that key.
        folder: folders of the workspace that it lies in, outermost first.
        lineage: what it reads and writes; ``None`` if its source is not known.
        file: file of its source, if it lies in a folder.
        url: where it opens in Fabric, if that is known.
    """

    name: str
    folder: tuple[str, ...] = ()
    lineage: NotebookLineage | None = None
    file: Path | None = None
    url: str | None = None


class NotebookTranslator:
    """Names assets after notebooks and tables. Override ``get_asset_spec`` or ``get_table_spec`` to do it another way.

    ``Load_DimCalendar``, ``AquaVilla_LoadDimCalendar`` and ``load_dim_calendar`` become ``DimCalendar``.

    Example::

        class MyTranslator(NotebookTranslator):
            def get_asset_spec(self, notebook):
                return super().get_asset_spec(notebook).replace_attributes(group_name="warehouse")

    Args:
        rules: how keys are made from names; default: as above.
    """

    def __init__(self, rules: NameRules = _DEFAULT_RULES) -> None:
        self.rules = rules

    def get_asset_spec(self, notebook: NotebookData) -> dg.AssetSpec:
        """Key, group, kinds and description of the asset of a notebook; what the configuration says goes over it."""
        kernel = notebook.lineage.kernel if notebook.lineage else ""
        language = _KERNEL_KINDS.get(kernel)
        return dg.AssetSpec(
            dg.AssetKey(self.rules.key(notebook.name)),
            group_name=identifier("_".join(notebook.folder)).lower() or None,
            kinds={"fabric", "notebook", *([language] if language else [])},
        )

    def get_table_spec(self, table: Table) -> dg.AssetSpec:
        """Key and kinds of the asset of a table: one that is read from elsewhere, or one of several of a notebook."""
        parts = (table.workspace, table.lakehouse, table.schema, table.name)
        names = [identifier(part) for part in parts if part]
        return dg.AssetSpec([*self.rules.key_prefix, *filter(None, names)], kinds={"fabric", "table"})
