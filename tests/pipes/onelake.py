"""OneLake's ADLS Gen2 API as far as messages need it, over real HTTP: folders, ranges of files, removal."""

import shutil
import threading
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


@dataclass
class OneLakeServer:
    """A running server.

    Attributes:
        root: a folder a workspace, in it one a lakehouse.
        token: the one it takes.
        refusals: statuses that it answers to the next requests of a method, before it serves them again.
        forever: a status that it answers to all requests of a method.
        requests: methods and paths.
        url: where it listens.
    """

    root: Path
    token: str = "storage-token"
    refusals: dict[str, list[int]] = field(default_factory=dict)
    forever: dict[str, int] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""


@contextmanager
def serve(root: Path) -> Iterator[OneLakeServer]:
    """Serve as long as the block lasts."""
    onelake = OneLakeServer(root)

    class Handler(_Handler):
        state = onelake

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    onelake.url = f"http://127.0.0.1:{server.server_port}"
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
    state: OneLakeServer

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the name is the base class's
        pass

    def _handle(self) -> None:
        onelake = self.state
        address = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(address.query))
        path = onelake.root / urllib.parse.unquote(address.path).lstrip("/")
        onelake.requests.append((self.command, path.name))
        waiting = onelake.refusals.get(self.command, [])
        if self.headers.get("Authorization") != f"Bearer {onelake.token}":
            self._answer(401)
        elif self.command in onelake.forever:
            self._answer(onelake.forever[self.command])
        elif waiting:
            self._answer(waiting.pop(0))
        elif self.command == "PUT":
            assert query == {"resource": "directory"}
            self._make_folder(path)
        elif not path.exists():
            self._answer(404)
        elif self.command == "DELETE":
            # As the API has it: `recursive` is for folders, and a folder with something in it needs it.
            assert (query == {"recursive": "true"}) == path.is_dir(), query
            shutil.rmtree(path) if path.is_dir() else path.unlink()
            self._answer(200)
        else:
            self._read(path.read_bytes())

    do_GET = do_PUT = do_DELETE = _handle  # noqa: N815 -- the names are the base class's

    def _make_folder(self, path: Path) -> None:
        if path.exists() and self.headers.get("If-None-Match") == "*":
            self._answer(409)
            return
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(parents=True)
        self._answer(201)

    def _read(self, content: bytes) -> None:
        first, last = self.headers["Range"].removeprefix("bytes=").split("-")
        part = content[int(first) : int(last) + 1]
        if part:
            self._answer(206, part, f"bytes {first}-{int(first) + len(part) - 1}/{len(content)}")
        else:
            self._answer(416)

    def _answer(self, status: int, content: bytes = b"", part: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("x-ms-error-code", "Refused" if status >= 400 else "")
        if part:
            self.send_header("Content-Range", part)
        self.end_headers()
        self.wfile.write(content)
