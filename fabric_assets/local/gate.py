"""What every request passes before a handler: host, origin, token, quota, faults; and the log of requests."""

import math
import secrets
import uuid
from collections import deque
from collections.abc import Callable

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from fabric_assets.local import errors
from fabric_assets.local.clock import Clock
from fabric_assets.local.context import SCOPE_KEY, Context, RequestRecord
from fabric_assets.local.faults import Faults, fault_response
from fabric_assets.local.script import Fault

ABORT = "fabric_assets.local.abort"
"""Key of the ASGI scope: a function that breaks the connection; the server's protocol puts it there."""

_NEEDS_NO_TOKEN = ("/alive", "/job-instances/")
_MINUTE_NS = 60_000_000_000


class Tokens:
    """The bearer tokens of one server, and how long they are good.

    Args:
        token: the first one.
        clock: the time.
        good_seconds: how long a token is good; ``None``: for ever.
    """

    def __init__(self, token: str, clock: Clock, good_seconds: float | None = None) -> None:
        self._clock = clock
        self._good_ns = None if good_seconds is None else round(good_seconds * 1e9)
        self._since = {token: clock.time_ns()}

    def new(self) -> str:
        """A further token, good from now on."""
        token = secrets.token_urlsafe(32)
        self._since[token] = self._clock.time_ns()
        return token

    def check(self, authorization: str) -> None:
        """Accept an ``Authorization`` header.

        Raises:
            ApiError: ``InvalidToken`` or ``TokenExpired``.
        """
        scheme, _, presented = authorization.partition(" ")
        if scheme.lower() == "bearer":
            for token, since_ns in list(self._since.items()):
                if secrets.compare_digest(presented.strip().encode(), token.encode()):
                    if self._good_ns is not None and self._clock.time_ns() >= since_ns + self._good_ns:
                        raise errors.token_expired()
                    return
        raise errors.invalid_token()


class Quota:
    """So many calls in any minute, one budget for the job routes and one for the others."""

    def __init__(self, calls_per_minute: int | None, clock: Clock) -> None:
        self._limit = calls_per_minute
        self._clock = clock
        self._calls: dict[bool, deque[int]] = {True: deque(), False: deque()}

    def check(self, path: str) -> None:
        """Count a call.

        Raises:
            ApiError: the budget is used up.
        """
        if self._limit is None:
            return
        jobs = "/jobs/" in path
        calls = self._calls[jobs]
        now_ns = self._clock.time_ns()
        while calls and calls[0] <= now_ns - _MINUTE_NS:
            calls.popleft()
        if len(calls) >= self._limit:
            wait_ns = calls[0] + _MINUTE_NS - now_ns if calls else _MINUTE_NS
            raise errors.too_many_requests(math.ceil(wait_ns / 1e9), jobs=jobs)
        calls.append(now_ns)


class Gate:
    """ASGI middleware in front of the routes.

    Args:
        app: the routes.
        context: the server's parts.
        tokens: who may call.
        faults: what goes wrong on the way.
        on_request: called at the begin and the end of every request that passed.
    """

    def __init__(
        self, app: ASGIApp, context: Context, tokens: Tokens, faults: Faults, on_request: Callable[[], None]
    ) -> None:
        self._app = app
        self._context = context
        self._clock = context.clock
        self._tokens = tokens
        self._quota = Quota(context.service.calls_per_minute, context.clock)
        self._faults = faults
        self._on_request = on_request

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        scope["request_id"] = request_id
        scope[SCOPE_KEY] = self._context
        # Fabric's routes and ids match without case.
        scope["path"] = scope["path"].lower()
        query = scope["query_string"].decode("latin-1")
        shown_path = scope["raw_path"].decode("latin-1") + (
            f"?{query}" if query and "/job-instances/" not in scope["path"] else ""
        )
        authorized = "authorization" in Headers(scope=scope)
        record = RequestRecord(scope["method"], shown_path, None, self._clock.time_ns(), authorized)
        # Before anything is answered: who has the answer finds its request in the log.
        self._context.requests.append(record)

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                record.status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["RequestId"] = request_id
                headers.setdefault("Cache-Control", "no-store")
                headers.setdefault("X-Content-Type-Options", "nosniff")
            await send(message)

        if await self._pass(scope, receive, answer, record):
            record.status = None

    async def _pass(self, scope: Scope, receive: Receive, send: Send, record: RequestRecord) -> bool:
        """Let a request through, or answer it here; returns whether the connection was broken."""
        fault = None
        try:
            _check_caller(scope)
            fault = self._faults.next(record.method, record.path)
            if fault is not None:
                record.fault = True
                await self._clock.sleep_until(self._clock.time_ns() + round(fault.delay_seconds * 1e9))
                if fault.drop == "before":
                    scope[ABORT]()
                    return True
                if fault.status is not None and not fault.acted:
                    await fault_response(fault)(scope, receive, send)
                    return False
            if not scope["path"].startswith(_NEEDS_NO_TOKEN):
                self._tokens.check(Headers(scope=scope).get("authorization", ""))
                if scope["path"].startswith("/v1/"):
                    self._quota.check(scope["path"])
        except errors.ApiError as error:
            await error_response(error, scope)(scope, receive, send)
            return False
        self._on_request()
        await self._app(scope, receive, _nowhere if _replaces_answer(fault) else send)
        self._on_request()
        if fault is not None and fault.drop == "after":
            scope[ABORT]()
            return True
        if fault is not None and fault.status is not None:
            await fault_response(fault)(scope, receive, send)
        return False


def error_response(error: errors.ApiError, scope: Scope) -> Response:
    """An error as the service answers it whose path this is."""
    body = error.body(scope["request_id"], scope["path"])
    return JSONResponse(body, status_code=error.status, headers=dict(error.headers))


def _replaces_answer(fault: Fault | None) -> bool:
    return fault is not None and (fault.drop == "after" or fault.status is not None)


async def _nowhere(_message: Message) -> None:
    """Send nothing."""


def _check_caller(scope: Scope) -> None:
    """Refuse what a web site, or a foreign name that was bent to this machine, sends from a browser."""
    headers = Headers(scope=scope)
    port = scope["server"][1]
    hosts = (f"127.0.0.1:{port}", f"localhost:{port}")
    if headers.get("host", "").lower() not in hosts:
        raise errors.foreign_caller(f"The local Fabric answers to {hosts[0]} only.")
    origin = headers.get("origin")
    if origin is not None and origin.lower() not in [f"http://{host}" for host in hosts]:
        raise errors.foreign_caller("The local Fabric takes no requests from web sites.")
