"""A folder served over HTTP, with ranges, by a process of its own.

Not by a thread: rasterio keeps Python's lock while GDAL looks for side files, so that a thread of
the same process could not answer.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Ranges(SimpleHTTPRequestHandler):
    """Answers `Range: bytes=0-99`, which GDAL asks for, and keeps no log."""

    def do_GET(self):
        path = Path(self.translate_path(self.path))
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if not found or not path.is_file():
            super().do_GET()
            return
        whole = path.read_bytes()
        first, last = int(found[1]), min(int(found[2]), len(whole) - 1)
        self.send_response(206)
        self.send_header("Content-Range", f"bytes {first}-{last}/{len(whole)}")
        self.send_header("Content-Length", str(last + 1 - first))
        self.end_headers()
        self.wfile.write(whole[first : last + 1])

    def log_message(self, format, *args):  # noqa: A002
        pass


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The URL of a folder on this machine."""
    os.environ.setdefault("no_proxy", "127.0.0.1")
    words = [sys.executable, __file__, str(folder)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.kill()


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Ranges, directory=sys.argv[1]))
    sys.stdout.write(f"{server.server_port}\n")
    sys.stdout.flush()
    server.serve_forever()
