"""A server of plain files, as hosts of static pages are, that a test stops when it wants."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

ISOLATING = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
BLANK = "/blank.html"  # a page without anything, where the package is tried by itself


class Server:
    """On a port of 127.0.0.1 that is free. isolated: sends the headers by which pages may use threads."""

    def __init__(self, folder: Path, *, isolated: bool) -> None:
        self.asked: list[str] = []  # paths, in their order
        handler = partial(_Handler, self.asked, ISOLATING if isolated else {}, directory=str(folder))
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02})
        self._thread.start()

    def stop(self) -> None:
        """At once; a second time it does nothing."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, asked: list[str], headers: dict[str, str], *args: object, directory: str) -> None:
        self._asked, self._headers = asked, headers
        super().__init__(*args, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        self._asked.append(self.path)
        if self.path != BLANK:
            return super().do_GET()
        page = b"<!doctype html><title>blank</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)
        return None

    def end_headers(self) -> None:
        for name, value in self._headers.items():
            self.send_header(name, value)
        super().end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: `asked` has it."""
