"""``notebookutils.session``."""

from typing import NoReturn

from fabric_assets.local.engine.kernel.notebookutils.missing import explain
from fabric_assets.local.engine.kernel.session import current_session
from fabric_assets.local.engine.kernel.unsupported import NotSupportedLocallyError

__all__ = ["restartPython", "stop"]

__getattr__ = explain("notebookutils.session", __all__)


def stop() -> None:
    """End the session, and with it the notebook."""
    current_session().exit("")


def restartPython() -> NoReturn:  # noqa: N802 - Fabric's name
    """Not available locally: nothing was installed that would need it."""
    raise NotSupportedLocallyError("notebookutils.session.restartPython is not available in the local Fabric")
