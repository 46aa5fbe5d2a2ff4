"""``string.Template`` and, as far as they only have names, templates of Jinja."""

import re
import string
from typing import Any

from fabric_assets.lineage.plain import text_of
from fabric_assets.lineage.values import Const, Mapping, Template, Text, Unknown, concatenate
from fabric_assets.lineage.work import spend

_JINJA_NAME = re.compile(r"\{\{-?\s*(?P<named>[A-Za-z_]\w*)\s*-?\}\}")
_JINJA_OTHER = re.compile(r"\{%|\{\{")


def substituted(template: Template, method: str, arguments: list[Any], keywords: dict[str, Any]) -> Any:
    """The value of a method of a template."""
    if method not in ("substitute", "safe_substitute", "render"):
        return Unknown()
    values = {**(arguments[0].entries if arguments and isinstance(arguments[0], Mapping) else {}), **keywords}
    pattern = _JINJA_NAME if template.is_jinja else string.Template.pattern
    parts: list[Const | Text] = []
    for piece in template.text.parts if isinstance(template.text, Text) else (str(template.text.value),):
        if isinstance(piece, Unknown):
            parts.append(Text((piece,)))
            continue
        end = 0
        for match in pattern.finditer(piece):
            spend(1)
            parts.append(Const(piece[end : match.start()]))
            end = match.end()
            groups = match.groupdict()
            name = groups.get("named") or groups.get("braced")
            if name:
                unknown = Unknown(f"the field {name!r} of a template")
                parts.append(text_of(values.get(name, unknown)))
            else:
                parts.append(Const("$" if groups.get("escaped") else match[0]))
        parts.append(Const(piece[end:]))
    if template.is_jinja and any(_JINJA_OTHER.search(str(p.value)) for p in parts if isinstance(p, Const)):
        return Unknown("a template with more than names")
    overridable = isinstance(template.text, Const) and template.text.overridable
    return concatenate([*parts, Const("", overridable)])
