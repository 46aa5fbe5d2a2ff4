"""``notebookutils`` (and ``mssparkutils``) of a notebook that the local Fabric executes."""

from fabric_assets.local.engine.kernel import notebookutils_notebook as notebook

__all__ = ["notebook"]
