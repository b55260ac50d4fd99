"""A small Zenodo on this machine, whose answers can be as bad as the real one's on a bad day."""

import hashlib
import json
import os
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

from am4cm_cli.downloads.records import RemoteFile
from am4cm_cli.downloads.web import Patience

HASTE = Patience(tries=3, pause=0.001, longest_pause=0.01, timeout=5)


@dataclass
class Answer:
    """What the server does with one request for a file."""

    status: int = 200
    headers: dict = field(default_factory=dict)
    stop: int | None = None
    """Bytes after which the connection breaks off."""
    hang: bool = False
    """Leave the connection open, and silent, instead."""
    knows_ranges: bool = True
    tells_length: bool = True
    content: bytes | None = None
    """In place of the file's."""


class Zenodo(ThreadingHTTPServer):
    """Serves a record with one file; `answers` are used up first, one a request."""

    daemon_threads = True

    def __init__(self, content=b"", name="PASTIS.zip"):
        super().__init__(("127.0.0.1", 0), Handler)
        self.content, self.name = content, name
        self.answers, self.ranges, self.record = [], [], {}
        self.released = threading.Event()
        self.url = f"http://127.0.0.1:{self.server_port}"

    def __enter__(self):
        os.environ.setdefault("no_proxy", "127.0.0.1")
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.released.set()
        self.shutdown()
        self.thread.join()
        self.server_close()

    def handle_error(self, *_):
        """Clients that hang up are part of the game."""

    @property
    def record_url(self):
        return f"{self.url}/api/records/1"

    @property
    def entry(self):
        """The file in the record, as the real API gives it."""
        return {
            "id": "d6c2d2b0",
            "key": self.name,
            "size": len(self.content),
            "checksum": f"md5:{md5(self.content)}",
            "links": {"self": f"{self.url}/api/records/1/files/{self.name}/content"},
        } | self.record

    @property
    def remote(self):
        entry = self.entry
        checksum = entry["checksum"].removeprefix("md5:")
        url, size = entry["links"]["self"], entry["size"]
        return RemoteFile(name=self.name, url=url, size=size, md5=checksum)


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        if "/files/" not in self.path:
            self.reply(Answer(), json.dumps({"id": 1, "files": [self.server.entry]}).encode())
            return
        wanted = self.headers["Range"]
        self.server.ranges.append(wanted)
        answer = self.server.answers.pop(0) if self.server.answers else Answer()
        content = self.server.content if answer.content is None else answer.content
        if wanted and answer.knows_ranges and answer.status == 200:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            place = f"bytes {start}-{len(content) - 1}/{len(content)}"
            answer.status, answer.headers = 206, {"Content-Range": place} | answer.headers
            content = content[start:]
        self.reply(answer, content)

    def reply(self, answer, content):
        self.send_response(answer.status)
        if answer.tells_length:
            self.send_header("Content-Length", str(len(content)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: answer.stop])
        if answer.hang:
            self.server.released.wait()

    def log_message(self, *_):
        """Say nothing."""


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def zip_folder(folder: Path, path: Path, *, top: str = "PASTIS") -> bytes:
    """Zip a folder below a top folder, its files in the order of their names."""
    with ZipFile(path, "w") as archive:
        for file in sorted(folder.rglob("*")):
            archive.write(file, f"{top}/{file.relative_to(folder)}")
    return path.read_bytes()
