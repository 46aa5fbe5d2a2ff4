"""``notebookutils.credentials``: there are none, because the local Fabric talks to no cloud."""

from typing import Any, NoReturn

from fabric_assets.local.engine.kernel.notebookutils.missing import explain
from fabric_assets.local.engine.kernel.unsupported import NotSupportedLocallyError

__all__ = ["getSecret", "getSecretWithLS", "getToken", "isValidToken"]

__getattr__ = explain("notebookutils.credentials", __all__)


def _refuse(what: str) -> NoReturn:
    raise NotSupportedLocallyError(
        f"notebookutils.credentials.{what} is not available in the local Fabric, which keeps no secrets and hands no "
        "identity to notebooks; pass what the notebook needs as a parameter, or run it in Fabric"
    )


def getToken(*_: Any, **__: Any) -> str:  # noqa: N802 - Fabric's name
    """Not available locally."""
    _refuse("getToken")


def getSecret(*_: Any, **__: Any) -> str:  # noqa: N802 - Fabric's name
    """Not available locally."""
    _refuse("getSecret")


def getSecretWithLS(*_: Any, **__: Any) -> str:  # noqa: N802 - Fabric's name
    """Not available locally."""
    _refuse("getSecretWithLS")


def isValidToken(*_: Any, **__: Any) -> bool:  # noqa: N802 - Fabric's name
    """Not available locally."""
    _refuse("isValidToken")
