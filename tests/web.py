"""A folder served on this machine, with ranges of bytes, as GDAL asks for them.

By a process of its own: while rasterio opens a file it lets no other thread of its process work.
"""

import os
import re
import subprocess
import sys
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlparse


@contextmanager
def served(folder):
    """Yield the folder's URL."""
    os.environ.setdefault("no_proxy", "127.0.0.1")
    words = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as server:
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        path = Path(sys.argv[1], unquote(urlparse(self.path).path).lstrip("/"))
        if not path.is_file():
            self.send_error(404)
            return
        content = path.read_bytes()
        part = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        first, last = 0, len(content) - 1
        if part:
            first, last = int(part[1]), min(int(part[2] or last), last)
        self.send_response(206 if part else 200)
        if part:
            self.send_header("Content-Range", f"bytes {first}-{last}/{len(content)}")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content[first : last + 1])

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_):
        """Keep silent."""


if __name__ == "__main__":
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as own:
        print(f"http://127.0.0.1:{own.server_port}", flush=True)  # noqa: T201
        own.serve_forever(poll_interval=0.01)
