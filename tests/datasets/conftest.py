"""A local HTTP server that can fail in the ways servers fail."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class FileServer:
    """Serves `files` (name → bytes) at `url`, logs every GET, misbehaves on request.

    The log is complete by the time a client has its answer; `n_sent` is None if the client left.

    `cut_after`: the next answer breaks off after so many bytes (once).
    `pause_after`: the next answer pauses there until `release` is set (once).
    `statuses`: HTTP errors to answer the next requests with.
    """

    def __init__(self):
        self.files = {}
        self.log = []
        self.supports_range = True
        self.cut_after = None
        self.pause_after = None
        self.release = threading.Event()
        self.statuses = []

    def start(self):
        handler = type("Handler", (_Handler,), {"file_server": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}/"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()

    def stop(self):
        self.release.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def take(self, name):
        """Return a once-only setting and reset it."""
        value = getattr(self, name)
        setattr(self, name, None)
        return value


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        server = self.file_server
        entry = {"name": self.path[1:], "range": self.headers.get("Range"), "n_sent": 0}
        server.log.append(entry)
        content = server.files.get(entry["name"])
        if server.statuses or content is None:
            self.send_error(server.statuses.pop(0) if server.statuses else 404)
            return
        content = self._start_answer(content, entry["range"])
        stop = server.take("cut_after")
        pause = server.take("pause_after")
        # Before they leave: a client that has them all may look while this thread still waits.
        entry["n_sent"] = len(content[:stop])
        try:
            if pause is not None:
                self.wfile.write(content[:pause])
                server.release.wait(timeout=30)
            self.wfile.write(content[pause:stop])
        except ConnectionError:
            entry["n_sent"] = None

    def _start_answer(self, content, range_header):
        n_all = len(content)
        if range_header and self.file_server.supports_range:
            start = int(range_header.removeprefix("bytes=").removesuffix("-"))
            content = content[start:]
            self.send_response(206 if content else 416)
            self.send_header("Content-Range", f"bytes {start}-{n_all - 1}/{n_all}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return content

    def log_message(self, *args):
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    server = FileServer()
    server.start()
    yield server
    server.stop()
