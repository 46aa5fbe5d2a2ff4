"""Short names of notebooks, as keys of assets."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\d_]+|\d+")


@dataclass(frozen=True)
class NameRules:
    """How keys of assets are made from the names of notebooks.

    ``Load_DimCalendar``, ``AquaVilla_LoadDimCalendar`` and ``load_dim_calendar`` become ``DimCalendar``.

    Attributes:
        prefixes: beginnings that are left out of a key.
        verbs: words that are left out of a key with everything before them.
        patterns: pairs of a regular expression for a notebook's whole name and its key, with groups in braces and
            ``/`` between the key's parts; the first one that matches decides.
        key_prefix: parts in front of every key.
    """

    prefixes: Sequence[str] = ()
    verbs: Sequence[str] = ("load",)
    patterns: Sequence[tuple[str, str]] = ()
    key_prefix: Sequence[str] = ()

    def key(self, name: str) -> tuple[str, ...]:
        """The parts of the key for a notebook's name."""
        for pattern, key in self.patterns:
            match = re.fullmatch(pattern, name)
            if match:
                parts = key.format(*match.groups(""), **match.groupdict("")).split("/")
                return (*self.key_prefix, *(identifier(part) or "_" for part in parts))
        return (*self.key_prefix, self._short(name))

    def _short(self, name: str) -> str:
        for prefix in sorted(self.prefixes, key=len, reverse=True):
            if name.lower().startswith(prefix.lower()) and len(name) > len(prefix):
                name = name[len(prefix) :]
                break
        words = _WORD.findall(name)
        verbs = {verb.lower() for verb in self.verbs}
        for number, word in enumerate(words[:-1]):
            if word.lower() in verbs:
                words = words[number + 1 :]
                break
        joined = identifier("".join(word[:1].upper() + word[1:] for word in words))
        return joined or identifier(name) or "notebook"


def identifier(text: str) -> str:
    """The text with each run of characters that Dagster takes in no name as one ``_``."""
    return re.sub(r"[^A-Za-z0-9_]+", "_", text).strip("_")
