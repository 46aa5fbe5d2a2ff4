"""The ASGI application of the local Fabric: its routes, and what becomes of errors."""

import errno
import logging
import sqlite3
from collections.abc import Callable

from starlette.exceptions import HTTPException
from starlette.routing import Match, Router
from starlette.types import Message, Receive, Scope, Send

from fabric_assets.local import (
    errors,
    handlers_data_factory,
    handlers_items,
    handlers_jobs,
    handlers_pages,
    handlers_semantic_models,
    handlers_sql_endpoints,
    handlers_workspaces,
)
from fabric_assets.local.context import Context
from fabric_assets.local.faults import Faults
from fabric_assets.local.gate import Gate, Tokens, error_response

ROUTES = [
    *handlers_workspaces.ROUTES,
    *handlers_jobs.ROUTES,
    *handlers_items.ROUTES,
    *handlers_sql_endpoints.ROUTES,
    *handlers_semantic_models.ROUTES,
    *handlers_data_factory.ROUTES,
    *handlers_pages.ROUTES,
]

_LOG = logging.getLogger(__name__)


def create_app(
    context: Context,
    tokens: Tokens,
    faults: Faults | None = None,
    on_request: Callable[[], None] = lambda: None,
) -> Gate:
    """The application of one server; nothing in it is shared with another.

    Args:
        context: the server's parts.
        tokens: who may call.
        faults: what goes wrong on the way.
        on_request: called at the begin and the end of every request with a good token.
    """
    return Gate(_Routes(), context, tokens, faults or Faults(), on_request)


class _Routes:
    """The routes; every exception of a handler becomes an answer in Fabric's form."""

    def __init__(self) -> None:
        self._router = Router(routes=ROUTES, redirect_slashes=False)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = False

        async def watched(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        scope["app"] = self  # makes the router raise instead of answering in plain text
        try:
            await self._router(scope, receive, watched)
        except Exception as error:  # one request's fault must not end the server
            if begun:
                raise
            await error_response(_api_error(error, scope), scope)(scope, receive, watched)


def _api_error(error: Exception, scope: Scope) -> errors.ApiError:
    if isinstance(error, errors.ApiError):
        return error
    method, path = scope["method"], scope["raw_path"].decode("ascii")
    if isinstance(error, HTTPException) and error.status_code == 405:
        return errors.method_not_allowed(method, path, _methods(scope))
    if isinstance(error, HTTPException) and error.status_code == 404:
        return errors.route_not_found(method, path)
    if _is_full_disk(error):
        _LOG.error("%s %s: %s", method, path, error)
        return errors.unknown_error(
            f"The disk of the local Fabric is full ({error}). Make room and try again."
        )
    _LOG.exception("%s %s failed", method, path, exc_info=error)
    return errors.unknown_error(
        f"The local Fabric failed: {type(error).__name__}: {error}. See server.log in its folder."
    )


def _is_full_disk(error: Exception) -> bool:
    if isinstance(error, sqlite3.OperationalError):
        return "full" in str(error)
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def _methods(scope: Scope) -> str:
    fitting = [route for route in ROUTES if route.matches(scope)[0] is not Match.NONE]
    return ", ".join(
        sorted({method for route in fitting for method in route.methods or () if method != "HEAD"})
    )
