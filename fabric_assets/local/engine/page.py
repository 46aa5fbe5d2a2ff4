"""The page of a job instance: the executed notebook as HTML that loads nothing and runs nothing."""

import html
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from nbconvert import HTMLExporter
from nbformat import NotebookNode

from fabric_assets.local.engine.sanitize import clean_html
from fabric_assets.local.execution import ExecutionError

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:72rem;padding:0 1rem;color:#1b1b1b;background:#fff}
header{border-bottom:1px solid #ccc;margin-bottom:1.5rem;padding-bottom:1rem}
h1{font-size:1.5rem;margin:0 0 .5rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.1rem 1rem;margin:0}
dt{color:#555}dd{margin:0;overflow-wrap:anywhere}.status{font-weight:600}
.Completed{color:#0b6a0b}.Failed{color:#b10e1c}.Cancelled{color:#8a5a00}
.error{border-left:4px solid #b10e1c;background:#fdf3f4;padding:.5rem 1rem;margin:1rem 0 0}
pre{font:13px/1.45 ui-monospace,monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:0}
.jp-Cell,.cell{margin:0 0 1rem}.jp-InputPrompt,.jp-OutputPrompt,.prompt{color:#777;font:12px ui-monospace,monospace}
.highlight{background:#f6f6f6;padding:.5rem .75rem;border-radius:4px}
.jp-OutputArea-output,.output_area{margin:.35rem 0 0 .75rem;overflow-x:auto}
.text_cell_render table,.output_html table{margin:.25rem 0}
table{border-collapse:collapse;font-size:13px}th,td{border:1px solid #ddd;padding:.15rem .5rem;text-align:left}
caption{text-align:left;color:#555;font-size:12px}.anchor-link{display:none}
.k,.kn,.kc,.ow{color:#00489c;font-weight:600}.s,.s1,.s2,.sa,.sd{color:#a31515}.c1,.c,.cm{color:#4a7a4a}
.mi,.mf{color:#7a3e9d}.nf,.nc{color:#6a4f00}
@media(prefers-color-scheme:dark){body{background:#1b1b1b;color:#ddd}dt,caption{color:#aaa}
.highlight{background:#262626}.error{background:#3a2023}th,td{border-color:#444}.s,.s1,.s2,.sa,.sd{color:#ce9178}
.k,.kn,.kc,.ow{color:#7fb3ff}.nf,.nc{color:#dcdcaa}.mi,.mf{color:#c8a0e8}.Completed{color:#6ccb6c}
.Failed{color:#ff8a94}.Cancelled{color:#e0b050}}
""".strip()

_exporter_lock = threading.Lock()


@dataclass(frozen=True)
class PageHeader:
    """What stands on top of the page."""

    notebook: str
    workspace: str
    job_instance_id: str
    status: str
    parameters: Mapping[str, Any]
    start: datetime
    end: datetime
    exit_value: str | None = None
    error: ExecutionError | None = None


def render_page(header: PageHeader, notebook: NotebookNode) -> str:
    """The whole page as one HTML document without scripts and without references to anything outside it."""
    with _exporter_lock:
        body, _ = _exporter().from_notebook_node(notebook)
    title = html.escape(header.notebook)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>{_header(header)}<main>{body}</main></body></html>\n"
    )


@cache
def _exporter() -> HTMLExporter:
    exporter = HTMLExporter(template_name="basic", sanitize_html=True)  # type: ignore[no-untyped-call]
    exporter.register_filter("clean_html", clean_html)  # type: ignore[no-untyped-call]
    return exporter


def _header(header: PageHeader) -> str:
    seconds = (header.end - header.start).total_seconds()
    parameters = ", ".join(f"{name} = {json.dumps(value)}" for name, value in header.parameters.items())
    entries = {
        "Workspace": header.workspace,
        "Job instance": header.job_instance_id,
        "Started": f"{header.start:%Y-%m-%d %H:%M:%S} UTC",
        "Ended": f"{header.end:%Y-%m-%d %H:%M:%S} UTC, after {seconds:.1f} s",
        "Parameters": parameters or "none",
    }
    if header.exit_value is not None:
        entries["Exit value"] = header.exit_value
    rows = "".join(f"<dt>{name}</dt><dd>{html.escape(value)}</dd>" for name, value in entries.items())
    status = (
        f'<dt>Status</dt><dd class="status {html.escape(header.status)}">{html.escape(header.status)}</dd>'
    )
    error = ""
    if header.error:
        code, message = html.escape(header.error.error_code), html.escape(header.error.message)
        error = f'<div class="error"><b>{code}</b><pre>{message}</pre></div>'
    return f"<header><h1>{html.escape(header.notebook)}</h1><dl>{status}{rows}</dl>{error}</header>"
