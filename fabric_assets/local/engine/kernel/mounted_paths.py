"""``/lakehouse/default/...`` without a mount: the path is put right where the code writes it."""

import ast
import re
from typing import Any

from fabric_assets.local.engine.kernel.session import KernelSession
from fabric_assets.local.lakehouse import MOUNT_POINT

_MOUNTED = re.compile(rf"(?<![\w./]){MOUNT_POINT}(?![\w.-])")


class MountedPaths(ast.NodeTransformer):
    """Replaces the mount point in string literals by the folder of the default lakehouse.

    A mount needs rights that a notebook's user does not have, and libraries such as polars and deltalake open
    files outside Python, where no ``open`` can be replaced. What this does not reach: paths that come from data,
    or from modules that a notebook imports.
    """

    def __init__(self, session: KernelSession) -> None:
        self._session = session

    def visit_Constant(self, node: ast.Constant) -> ast.Constant:
        """Replace it in one literal."""
        lakehouse = self._session.default_lakehouse
        if not isinstance(node.value, str) or MOUNT_POINT not in node.value or lakehouse is None:
            return node
        value: Any = _MOUNTED.sub(lambda _: str(lakehouse.folder), node.value)
        return ast.copy_location(ast.Constant(value), node)
