"""`nonmass serve` as a person starts it, in a process of its own, and what a browser would send to it."""

import http.client
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RUN = "import sys; from nonmass.cli import run; sys.argv[0] = 'nonmass'; run()"
# An interpreter that refuses what a light install lacks.
LIGHT = (
    """
import sys
heavy = set("torch torchvision timm lightning_fabric dvc rpy2 sklearn matplotlib pytorch_grad_cam onnx jinja2".split())
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in heavy: raise ImportError(f"not installed: {name}", name=name)
sys.meta_path.insert(0, Refuse())
"""
    + RUN
)


@dataclass(frozen=True)
class Served:
    """A running program.

    Attributes:
        port: Where it listens, on this machine.
        process: It.
        said: After its end, all that it printed after its address.
    """

    port: int
    process: subprocess.Popen[str]
    said: list[str] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, method: str, path: str, body: bytes | None = None, **headers: str) -> tuple[int, bytes, Any]:
        """Status, body and headers of a reply."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        with closing(connection):
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            return reply.status, reply.read(), reply.headers

    def give(self, content: bytes, status: int = 200) -> Any:
        """The reply to a file's bytes, as our own page sends them."""
        found, body, _ = self.ask("POST", "/answer", content, Origin=self.address)
        assert found == status, body[:300]
        return json.loads(body)


@contextmanager
def served(folder: Path, *words: str, **environment: str) -> Iterator[Served]:
    """`nonmass serve` in a folder, ended with the block."""
    command = [sys.executable, "-c", LIGHT if "--onnx" in words else RUN, "serve", "--port", "0", *words]
    process = subprocess.Popen(
        command,
        cwd=folder,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        line = process.stdout.readline()
        port = re.match(r"http://127\.0\.0\.1:(\d+)/ \(research use only; Ctrl-C ends it\)", line)
        assert port, line + process.stderr.read()
        running = Served(int(port.group(1)), process)
        yield running
        process.terminate()
        running.said.extend(process.communicate(timeout=60))
    finally:
        process.kill()
        process.communicate()
