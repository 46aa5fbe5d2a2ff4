"""The embedded local Fabric: the service's HTTP API on loopback, with an engine that really runs notebooks."""

from typing import TYPE_CHECKING, Any

from fabric_assets.local.errors import LocalFabricError, explain_import

if TYPE_CHECKING:
    from fabric_assets.local.process import connect, find_running
    from fabric_assets.local.server_file import LocalFabric
    from fabric_assets.local.server_thread import ServedFabric, serve_in_thread

__all__ = ["LocalFabric", "LocalFabricError", "ServedFabric", "connect", "find_running", "serve_in_thread"]

_MODULES = {
    "LocalFabric": "fabric_assets.local.server_file",
    "ServedFabric": "fabric_assets.local.server_thread",
    "connect": "fabric_assets.local.process",
    "find_running": "fabric_assets.local.process",
    "serve_in_thread": "fabric_assets.local.server_thread",
}


def __getattr__(name: str) -> Any:
    # Kernels import this package too: what they do not use is not loaded.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    try:
        return getattr(importlib.import_module(_MODULES[name]), name)
    except ImportError as error:
        raise explain_import(error) from error
