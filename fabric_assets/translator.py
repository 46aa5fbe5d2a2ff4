"""From notebooks and tables to keys, groups and kinds of assets: what users override."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from fabric_assets.lineage.results import NotebookLineage
from fabric_assets.lineage.tables import Table

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+")
_KERNEL_KINDS = {"synapse_pyspark": "pyspark", "jupyter": "python", "sqldatawarehouse": "sql"}


@dataclass(frozen=True)
class NotebookData:
    """What a key, a group and a description can be made of.

    Attributes:
        name: display name.
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
        prefixes: beginnings that are left out of a key.
        verbs: words that are left out of a key with everything before them.
        patterns: pairs of a regular expression for a notebook's whole name and its key, with groups in braces and
            ``/`` between the key's parts; the first one that matches decides.
        key_prefix: parts in front of every key.
    """

    def __init__(
        self,
        *,
        prefixes: Sequence[str] = (),
        verbs: Sequence[str] = ("load",),
        patterns: Sequence[tuple[str, str]] = (),
        key_prefix: Sequence[str] = (),
    ) -> None:
        self.prefixes = tuple(sorted(prefixes, key=len, reverse=True))
        self.verbs = frozenset(verb.lower() for verb in verbs)
        self.patterns = tuple((re.compile(pattern), key) for pattern, key in patterns)
        self.key_prefix = tuple(key_prefix)

    def get_asset_spec(self, notebook: NotebookData) -> dg.AssetSpec:
        """Key, group, kinds and description of the asset of a notebook; what the configuration says goes over it."""
        kernel = notebook.lineage.kernel if notebook.lineage else ""
        language = _KERNEL_KINDS.get(kernel)
        return dg.AssetSpec(
            self.get_asset_key(notebook.name),
            group_name=identifier("_".join(notebook.folder)).lower() or None,
            kinds={"fabric", "notebook", *([language] if language else [])},
        )

    def get_table_spec(self, table: Table) -> dg.AssetSpec:
        """Key and kinds of the asset of a table: one that is read from elsewhere, or one of several of a notebook."""
        parts = (table.workspace, table.lakehouse, table.schema, table.name)
        key = [*self.key_prefix, *(identifier(part) for part in parts if part)]
        return dg.AssetSpec(dg.AssetKey([part for part in key if part]), kinds={"fabric", "table"})

    def get_asset_key(self, name: str) -> dg.AssetKey:
        """The key of a notebook's asset, by the rules of this translator."""
        for pattern, key in self.patterns:
            match = pattern.fullmatch(name)
            if match:
                parts = key.format(*match.groups(""), **match.groupdict("")).split("/")
                return dg.AssetKey([*self.key_prefix, *(identifier(part) or "_" for part in parts)])
        return dg.AssetKey([*self.key_prefix, self._short(name)])

    def _short(self, name: str) -> str:
        for prefix in self.prefixes:
            if name.lower().startswith(prefix.lower()) and len(name) > len(prefix):
                name = name[len(prefix) :]
                break
        words = _WORD.findall(name)
        for number, word in enumerate(words[:-1]):
            if word.lower() in self.verbs:
                words = words[number + 1 :]
                break
        joined = identifier("".join(word[:1].upper() + word[1:] for word in words))
        return joined or identifier(name) or "notebook"


def identifier(text: str) -> str:
    """The text with each run of characters that Dagster takes in no name as one ``_``."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
