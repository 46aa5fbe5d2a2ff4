"""Cleans the HTML that a notebook shows: nothing that runs, nothing that is loaded from elsewhere."""

import bleach  # type: ignore[import-untyped]

_TAGS = frozenset(
    {
        *bleach.ALLOWED_TAGS,
        *(
            "br",
            "caption",
            "del",
            "details",
            "div",
            "dd",
            "dl",
            "dt",
            "figcaption",
            "figure",
            "h1",
            "h2",
            "h3",
            "h4",
        ),
        *(
            "h5",
            "h6",
            "hr",
            "img",
            "ins",
            "kbd",
            "mark",
            "p",
            "pre",
            "s",
            "samp",
            "small",
            "span",
            "sub",
            "summary",
        ),
        *("sup", "table", "tbody", "td", "tfoot", "th", "thead", "tr", "u", "var"),
    }
)
_ANYWHERE = frozenset({"class", "id", "title", "lang", "dir"})
_OF_TAG = {
    "a": frozenset({"href"}),
    "img": frozenset({"alt", "width", "height"}),
    "td": frozenset({"colspan", "rowspan", "align"}),
    "th": frozenset({"colspan", "rowspan", "align", "scope"}),
    "ol": frozenset({"start"}),
}


def clean_html(element: str | bytes) -> str:
    """The HTML with its unknown tags and attributes left out; pictures only if they are part of it."""
    text = element.decode("utf-8", errors="replace") if isinstance(element, bytes) else str(element)
    protocols = ["http", "https", "mailto", "data"]
    cleaned: str = bleach.clean(text, tags=_TAGS, attributes=_is_allowed, protocols=protocols, strip=True)
    return cleaned


def _is_allowed(tag: str, name: str, value: str) -> bool:
    if tag == "img" and name == "src":
        return value.startswith("data:image/")
    if tag == "a" and name == "href" and value.lower().startswith("data:"):
        return False
    return name in _ANYWHERE or name in _OF_TAG.get(tag, ())
