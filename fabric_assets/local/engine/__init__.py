"""Runs notebooks for real: source in, kernel, executed notebook out."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fabric_assets.local.engine.engine import KernelEngine

__all__ = ["KernelEngine"]


def __getattr__(name: str) -> Any:
    # Kernels import this package too, and need none of what the engine needs.
    if name == "KernelEngine":
        from fabric_assets.local.engine.engine import KernelEngine

        return KernelEngine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
