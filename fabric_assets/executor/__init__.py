"""The executor: all steps of a run in one process, each a coroutine that waits; see ``fabric_executor``."""

from fabric_assets.executor.definition import fabric_executor

__all__ = ["fabric_executor"]
