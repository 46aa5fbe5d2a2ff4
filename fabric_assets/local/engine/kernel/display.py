"""``display`` and ``displayHTML``."""

import html
from collections.abc import Iterable, Sequence
from typing import Any

MAX_ROWS = 1000
_MAX_TEXT = 2000


def display(value: Any = None, *more: Any, summary: bool = False, **options: Any) -> None:
    """Show a DataFrame (Spark, pandas, polars) as a table of its first rows, and anything else as IPython does.

    Args:
        value: what to show.
        more: further values, each shown like the first.
        summary: accepted as in Fabric; the summary itself is not shown.
        options: what IPython's ``display`` takes.
    """
    del summary
    import IPython.display

    for each in (value, *more):
        table = _table(each)
        if table is None:
            IPython.display.display(each, **options)  # type: ignore[no-untyped-call]
        else:
            IPython.display.publish_display_data(table)  # type: ignore[no-untyped-call]


def display_html(value: str) -> None:
    """Show HTML. Its scripts do not run on the page of the job instance."""
    import IPython.display

    data = {"text/html": value, "text/plain": "<HTML>"}
    IPython.display.publish_display_data(data)  # type: ignore[no-untyped-call]


def _table(value: Any) -> dict[str, str] | None:
    kind = type(value)
    library = kind.__module__.partition(".")[0]
    if library == "pyspark" and kind.__name__ == "DataFrame":
        rows = value.limit(MAX_ROWS + 1).toArrow()
        return _rendered(
            rows.column_names, zip(*(column.to_pylist() for column in rows.columns), strict=True)
        )
    if library == "pandas" and kind.__name__ in ("DataFrame", "Series"):
        frame = value.to_frame() if kind.__name__ == "Series" else value
        head = frame.head(MAX_ROWS + 1)
        return _rendered(head.columns, head.itertuples(index=False, name=None), len(frame))
    if library == "polars" and kind.__name__ in ("DataFrame", "LazyFrame", "Series"):
        frame = value.head(MAX_ROWS + 1)
        frame = frame.collect() if kind.__name__ == "LazyFrame" else frame
        frame = frame.to_frame() if kind.__name__ == "Series" else frame
        return _rendered(
            frame.columns, frame.iter_rows(), None if kind.__name__ == "LazyFrame" else len(value)
        )
    return None


def _rendered(
    columns: Iterable[Any], rows: Iterable[Sequence[Any]], total: int | None = None
) -> dict[str, str]:
    names = [str(column) for column in columns]
    shown = [row for row, _ in zip(rows, range(MAX_ROWS + 1), strict=False)]
    is_cut = len(shown) > MAX_ROWS
    shown = shown[:MAX_ROWS]
    note = f"first {MAX_ROWS:,} of {total:,} rows" if total else f"first {MAX_ROWS:,} rows"
    caption = note if is_cut else f"{len(shown):,} row{'' if len(shown) == 1 else 's'}"
    head = "".join(f"<th>{html.escape(name)}</th>" for name in names)
    body = "".join("<tr>" + "".join(f"<td>{_cell(value)}</td>" for value in row) + "</tr>" for row in shown)
    table = f"<table><caption>{caption}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return {"text/html": table, "text/plain": f"<table: {len(names)} columns, {caption}>"}


def _cell(value: Any) -> str:
    if value is None:
        return "<i>null</i>"
    text = str(value)
    return html.escape(text if len(text) <= _MAX_TEXT else text[:_MAX_TEXT] + "…")
