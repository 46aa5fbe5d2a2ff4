"""What is no part of Fabric's API: the page of a job instance, the sign of life, the simulation's log."""

import html
import os
import secrets
from dataclasses import asdict

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.routing import Route

from fabric_assets.local import errors
from fabric_assets.local.clock import format_time
from fabric_assets.local.context import context_of, query_of
from fabric_assets.local.proof import proof_of_life
from fabric_assets.local.state import JobInstance

_REFRESH_SECONDS = 3
_PAGE_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 60rem; padding: 0 1rem; }}
dt {{ color: #666; }} dd {{ margin: 0 0 .6rem; }} pre {{ background: #f4f4f4; padding: 1rem; white-space: pre-wrap; }}
</style></head><body><h1>{title}</h1><dl>{facts}</dl>{error}</body></html>
"""


async def job_instance_page(request: Request) -> Response:
    """``GET /job-instances/{id}?key=...``: the executed notebook, or what is known while it runs."""
    context = context_of(request)
    job_instance_id = request.path_params["job_instance_id"]
    key = request.query_params.get("key", "")
    if not secrets.compare_digest(key.encode(), context.page_key(job_instance_id).encode()):
        return _page(
            "This link is not valid", "Open the job instance's page from its link once more.", status_code=403
        )
    job_instance = context.state.job_instance(job_instance_id)
    if job_instance is None:
        return _page("No such job instance", "It is no longer known to this local Fabric.", status_code=404)
    executed = context.home.job_instance(job_instance.id) / "notebook.html"
    if not job_instance.active and executed.is_file():
        # The sandbox keeps a notebook's output from doing anything but being looked at.
        policy = f"{_PAGE_HEADERS['Content-Security-Policy']}; sandbox"
        return HTMLResponse(
            executed.read_bytes(), headers={**_PAGE_HEADERS, "Content-Security-Policy": policy}
        )
    return _status_page(job_instance)


async def alive(request: Request) -> Response:
    """``GET /alive?nonce=...``: proves, without a token on the way, that this is the server of ``server.json``."""
    nonce = query_of(request, "nonce").get("nonce", "")
    if not nonce or len(nonce) > 200:
        raise errors.invalid_parameter("The query parameter 'nonce' is missing or too long.")
    context = context_of(request)
    answer = {
        "proof": proof_of_life(context.state.secret("token"), nonce),
        "pid": os.getpid(),
        "version": context.version,
        "activeJobInstances": context.job_instances.active_count,
    }
    return JSONResponse(answer)


async def simulation_log(request: Request) -> Response:
    """``GET /simulation/log``: every request and every start of a job instance."""
    query_of(request)
    context = context_of(request)
    if context.simulated is None:
        raise errors.route_not_found("GET", "/simulation/log")
    return JSONResponse(
        {
            "requests": [asdict(record) for record in context.requests],
            "jobInstances": [asdict(started) for started in context.job_instances.started],
        }
    )


def _status_page(job_instance: JobInstance) -> Response:
    facts = {
        "Status": job_instance.status,
        "Job instance": job_instance.id,
        "Accepted (UTC)": format_time(job_instance.accepted_ns),
        "Started (UTC)": format_time(job_instance.started_ns) if job_instance.started_ns else None,
        "Ended (UTC)": format_time(job_instance.ended_ns) if job_instance.ended_ns else None,
        "Exit value": job_instance.exit_value,
    }
    reason = job_instance.failure_reason
    error = None if reason is None else f"{reason.get('errorCode')}: {reason.get('message')}"
    response = _page(job_instance.item_name, error, facts)
    if job_instance.active:
        response.headers["Refresh"] = str(_REFRESH_SECONDS)
    return response


def _page(
    title: str, text: str | None = None, facts: dict[str, str | None] | None = None, *, status_code: int = 200
) -> Response:
    rows = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
        for name, value in (facts or {}).items()
        if value
    )
    error = f"<pre>{html.escape(text)}</pre>" if text else ""
    content = _PAGE.format(title=html.escape(title), facts=rows, error=error)
    return HTMLResponse(content, status_code=status_code, headers=_PAGE_HEADERS)


ROUTES = [
    Route("/job-instances/{job_instance_id}", job_instance_page, methods=["GET"]),
    Route("/alive", alive, methods=["GET"]),
    Route("/simulation/log", simulation_log, methods=["GET"]),
]
