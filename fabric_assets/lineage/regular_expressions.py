"""Regular expressions on texts that are known, unless they could take long."""

import re
from dataclasses import dataclass
from typing import Any

from fabric_assets.lineage.plain import from_python, to_python
from fabric_assets.lineage.values import Const, Unknown, is_overridable

_SEARCHES = ("match", "fullmatch", "search")
_ARGUMENTS = {"sub": 3, "split": 2, "findall": 2, **dict.fromkeys(_SEARCHES, 2)}
FUNCTIONS = frozenset(f"re.{name}" for name in (*_ARGUMENTS, "compile", "escape"))


@dataclass(frozen=True)
class Pattern:
    """``re.compile(...)``."""

    text: str


@dataclass(frozen=True)
class Match:
    """What a search has found: the groups by number (0: all of it) and by name."""

    groups: tuple[tuple[int | str, str | None], ...]

    def group(self, key: Any) -> Any:
        """The group of that number or name."""
        found = dict(self.groups)
        return Const(found[key.value]) if isinstance(key, Const) and key.value in found else Unknown()


def expression(name: str, arguments: list[Any]) -> Any:
    """The value of a function of ``re``, or of a method of a pattern with the pattern before its arguments."""
    try:
        plain = [to_python(argument) for argument in arguments]
        if name == "escape":
            return Const(re.escape(plain[0]))
        if name == "compile" and len(plain) == 1 and isinstance(plain[0], str):
            return Pattern(plain[0])
        longest = 300 if name == "sub" else 20_000
        if (
            len(plain) != _ARGUMENTS[name]
            or len(plain[0]) > 60
            or len(plain[1]) > 20_000
            or len(plain[-1]) > longest
            or _may_be_slow(plain[0], len(plain[-1]))
        ):
            return Unknown()
        result = getattr(re, name)(*plain)
    except (ValueError, TypeError, re.error, IndexError, KeyError, RecursionError):
        return Unknown()
    if name not in _SEARCHES:
        return from_python(result)
    if any(is_overridable(argument) for argument in arguments):
        return Unknown()
    if result is None:
        return Const(None)
    numbered = enumerate((result.group(), *result.groups()))
    return Match((*numbered, *result.groupdict().items()))


def match_method(match: Match, name: str, arguments: list[Any]) -> Any:
    """The value of a method of a match."""
    if name == "group" and len(arguments) <= 1:
        return match.group(arguments[0] if arguments else Const(0))
    if name == "groups" and not arguments:
        found = dict(match.groups)
        return from_python(tuple(found[key] for key in found if isinstance(key, int) and key))
    if name == "groupdict" and not arguments:
        return from_python({key: value for key, value in match.groups if isinstance(key, str)})
    return Unknown()


def _may_be_slow(pattern: str, length: int) -> bool:
    """Whether a search for the pattern in a text of that many characters may take very long."""
    plain = re.sub(r"\\.|\(\?(?:P<\w+>|P=|<?[:=!])", "(", pattern)
    if re.search(r"[+*}]\)?[+*{]", pattern) or ("|" in plain and re.search(r"\)[+*{]", plain)):
        return True
    choices = len(re.findall(r"[+*?{|]", plain))
    return choices > 0 and length ** (choices + 1) > 10**9 and length > 100
