"""OneLake addresses in pandas, polars and deltalake: put right where these libraries take a path."""

import functools
import importlib.abc
import importlib.machinery
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType
from typing import Any

from fabric_assets.local.engine.kernel.session import KernelSession

_ADDRESSES = ("abfss://", "abfs://", "https://", "/lakehouse/default")
_FUNCTIONS = ("read_", "scan_", "write_", "sink_", "to_", "is_deltatable", "convert_to_deltalake")


def resolve_paths_in_libraries(session: KernelSession) -> None:
    """Let the libraries find the lakehouses, from their import on."""
    sys.meta_path.insert(0, _PathFinder(session))


class _PathFinder(importlib.abc.MetaPathFinder):
    def __init__(self, session: KernelSession) -> None:
        self._session = session
        self._pending = {"deltalake", "pandas", "polars"}

    def find_spec(self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None) -> Any:
        if fullname not in self._pending:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                self._pending.discard(fullname)
                _patch(module, self._session)

            setattr(spec.loader, "exec_module", exec_module)  # noqa: B010 - mypy refuses the plain assignment
        return spec


def _patch(module: ModuleType, session: KernelSession) -> None:
    for name in ("DataFrame", "Series", "LazyFrame"):
        owner = getattr(module, name, None)
        for method in _path_functions(owner) if owner else ():
            setattr(owner, method, _resolving(getattr(owner, method), 1, session))
    for function in _path_functions(module):
        setattr(module, function, _resolving(getattr(module, function), 0, session))
    table = getattr(module, "DeltaTable", None)
    if table is not None:
        table.__init__ = _resolving(table.__init__, 1, session)


def _path_functions(owner: Any) -> Iterator[str]:
    for name in dir(owner):
        if name.startswith(_FUNCTIONS) and callable(getattr(owner, name)):
            yield name


def _resolving(function: Callable[..., Any], position: int, session: KernelSession) -> Callable[..., Any]:
    """The function with the path at this position put right, or wherever a keyword passes one."""

    @functools.wraps(function)
    def resolved(*args: Any, **kwargs: Any) -> Any:
        if len(args) > position:
            args = (*args[:position], _resolved(args[position], session), *args[position + 1 :])
        return function(*args, **{name: _resolved(value, session) for name, value in kwargs.items()})

    return resolved


def _resolved(value: Any, session: KernelSession) -> Any:
    return session.local_path(value) if isinstance(value, str) and value.startswith(_ADDRESSES) else value
