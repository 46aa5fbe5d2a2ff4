"""Keeps a token out of what Dagster stores and shows.

Dagster writes a resource's plain values into its snapshots, where the UI shows them. So the resource's field holds a
reference, and the token stays in this process.
"""

import hashlib

_tokens: dict[str, str] = {}


def hide(token: str) -> str:
    """A reference to the token, the same in each process that hides it."""
    if token in _tokens:
        return token
    reference = f"<hidden {hashlib.sha256(token.encode()).hexdigest()[:8]}>"
    _tokens[reference] = token
    return reference


def reveal(reference: str | None) -> str | None:
    """The token behind a reference."""
    return _tokens.get(reference) if reference else None
