"""uvicorn's HTTP protocol, with a way to break a connection without an answer."""

import asyncio

from starlette.types import ASGIApp, Receive, Scope, Send

from fabric_assets.local.gate import ABORT


def abortable_protocol() -> type[asyncio.Protocol]:
    """The protocol class to serve with; each request's scope gets a function that breaks its connection."""
    base = _base_protocol()

    class AbortableProtocol(base):  # type: ignore[misc, valid-type]
        app: ASGIApp

        def connection_made(self, transport: asyncio.Transport) -> None:
            super().connection_made(transport)
            app = self.app

            async def with_abort(scope: Scope, receive: Receive, send: Send) -> None:
                scope[ABORT] = transport.abort
                await app(scope, receive, send)

            self.app = with_abort

    return AbortableProtocol


def _base_protocol() -> type[asyncio.Protocol]:
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        return H11Protocol
    return HttpToolsProtocol
