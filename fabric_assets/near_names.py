"""Names that somebody may have meant."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str], cutoff: float = 0.4) -> str:
    """The names most like this one, as the end of a message; empty if there is none."""
    lower = {candidate.lower(): candidate for candidate in known}
    close = difflib.get_close_matches(name.lower(), lower, n=3, cutoff=cutoff)
    return f"; did you mean {' or '.join(repr(lower[found]) for found in close)}?" if close else ""
