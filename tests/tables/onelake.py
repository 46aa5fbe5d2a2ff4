"""OneLake as far as a reader of Delta tables sees it: lists and reads files of a folder, over real HTTP."""

import threading
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from xml.sax.saxutils import escape

_DATE = "Thu, 01 Jan 2026 00:00:00 GMT"


@dataclass
class OneLakeServer:
    """A running server.

    Attributes:
        root: a folder a workspace, in it one a lakehouse.
        token: the one it takes.
        refuse: a status that it answers to everything.
        requests: names of the files that were read.
        before: is called before each answer.
        port: where it listens.
    """

    root: Path
    token: str
    refuse: int | None = None
    requests: list[str] = field(default_factory=list)
    before: Callable[[], object] = lambda: None
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def serve(root: Path, token: str, before: Callable[[], object] = lambda: None) -> Iterator[OneLakeServer]:
    """Serve as long as the block lasts."""
    onelake = OneLakeServer(root, token, before=before)

    class Handler(_Handler):
        server_state = onelake

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    onelake.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield onelake
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_state: OneLakeServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the base class's
        pass

    def do_GET(self) -> None:
        onelake = self.server_state
        onelake.before()
        address = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(address.query))
        path = onelake.root / urllib.parse.unquote(address.path).lstrip("/")
        if self.headers.get("Authorization") != f"Bearer {onelake.token}":
            self._answer(401, b"<Error><Code>Unauthorized</Code></Error>")
        elif onelake.refuse is not None:
            self._answer(onelake.refuse, b"<Error><Code>Refused</Code></Error>")
        elif query.get("comp") == "list":
            self._answer(200, _listing(path, query.get("prefix", "")))
        elif path.is_file():
            onelake.requests.append(path.name)
            self._answer_file(path.read_bytes())
        else:
            self._answer(404, b"<Error><Code>PathNotFound</Code></Error>")

    do_HEAD = do_GET  # noqa: N815 -- the name is the base class's

    def _answer_file(self, content: bytes) -> None:
        wanted = self.headers.get("Range", "").removeprefix("bytes=")
        if not wanted:
            self._answer(200, content)
            return
        first, last = wanted.split("-")
        begin, end = int(first), min(int(last or len(content)), len(content) - 1)
        self._answer(206, content[begin : end + 1], f"bytes {begin}-{end}/{len(content)}")

    def _answer(self, status: int, content: bytes, part: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Last-Modified", _DATE)
        self.send_header("ETag", "0")
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()
        if self.command == "GET":
            with suppress(BrokenPipeError, ConnectionResetError):  # who asked has been ended
                self.wfile.write(content)


def _listing(folder: Path, prefix: str) -> bytes:
    files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
    blobs = "".join(
        f"<Blob><Name>{escape(name)}</Name><Properties><Last-Modified>{_DATE}</Last-Modified>"
        f"<Content-Length>{file.stat().st_size}</Content-Length><Content-Type>file</Content-Type><Etag>0</Etag>"
        "</Properties></Blob>"
        for file in files
        if (name := file.relative_to(folder).as_posix()).startswith(prefix)
    )
    return (
        f"<?xml version='1.0' encoding='utf-8'?><EnumerationResults><Blobs>{blobs}</Blobs>"
        "<NextMarker/></EnumerationResults>"
    ).encode()
