"""Keeps a token out of what Dagster stores and shows.

Dagster writes a resource's plain values into its snapshots, where the UI shows them. So the resource's field holds a
reference, and the token stays in this process.
"""

import hashlib
import re

from fabric_assets.client.errors import FabricConfigError

_REFERENCE = re.compile(r"<hidden [0-9a-f]{8}>")
_tokens: dict[str, str] = {}


def hide(token: str) -> str:
    """A reference to the token, the same in each process that hides it."""
    if _REFERENCE.fullmatch(token):
        return token
    reference = f"<hidden {hashlib.sha256(token.encode()).hexdigest()[:8]}>"
    _tokens[reference] = token
    return reference


def reveal(reference: str | None) -> str | None:
    """The token behind a reference.

    Raises:
        FabricConfigError: the reference comes from another process that had another token.
    """
    if not reference:
        return None
    if reference not in _tokens:
        raise FabricConfigError(
            f"`access_token` is {reference}, which stands for a token that this process does not have. "
            "Give the token in code, or as an environment variable with dg.EnvVar."
        )
    return _tokens[reference]
