"""Debian's Chromium without a window, driven through its DevTools over a pipe: no port, no driver program.

Belongs here: starting it, asking it, ending it. Does not belong here: what a page should do.
Source: Chromium's `--remote-debugging-pipe` (JSON ended by NUL on descriptors 3 and 4), the DevTools protocol.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.waiting import until

PROGRAM = shutil.which("chromium")
FLAGS = (
    "--headless --no-sandbox --no-first-run --disable-gpu --disable-dev-shm-usage --disable-background-networking "
    "--disable-component-update --disable-sync --remote-debugging-pipe"
).split()

FAKE_DEVICES = ("--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream")


def missing() -> str | None:
    """None where the browser is installed."""
    return None if PROGRAM else "chromium is missing (Debian: apt-get install -y chromium)"


class Tab:
    """One page. `seen` are all events of the browser so far."""

    def __init__(self, into: int, out: int) -> None:
        self.into, self.out = os.fdopen(into, "wb", 0), os.fdopen(out, "rb")
        self.number, self.rest = 0, b""
        self.seen: list[dict[str, Any]] = []
        self.session = self.target = ""
        self.fresh()

    def fresh(self) -> None:
        """Another page of the same browser, which knows nothing of the one before: that is gone."""
        self.session, before = "", self.target
        self.target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        if before:
            self.ask("Target.closeTarget", targetId=before)
        self.session = self.ask("Target.attachToTarget", targetId=self.target, flatten=True)["sessionId"]
        self.seen.clear()
        for each in ("Page", "Runtime", "Network", "Log"):
            self.ask(f"{each}.enable")

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        message |= {"sessionId": self.session} if self.session and not method.startswith("Browser.") else {}
        self.into.write(json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                assert "error" not in answer, (method, answer)
                found: dict[str, Any] = answer["result"]
                return found
            self.seen.append(answer)

    def close(self) -> None:
        self.into.close()
        self.out.close()

    def read(self) -> dict[str, Any]:
        while b"\0" not in self.rest:
            block = os.read(self.out.fileno(), 1 << 20)
            assert block, "the browser is gone"
            self.rest += block
        message, _, self.rest = self.rest.partition(b"\0")
        found: dict[str, Any] = json.loads(message)
        return found

    def do(self, script: str) -> Any:
        """The value of an expression; a promise is waited for. As if a person had pressed something."""
        asked = {"returnByValue": True, "awaitPromise": True, "userGesture": True}
        found = self.ask("Runtime.evaluate", expression=script, **asked)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, script: str, seconds: float = 60) -> None:
        """Asked again until it is true."""
        until(lambda: self.do(f"!!({script})"), seconds, script)

    def text(self) -> str:
        return str(self.do("document.body.innerText"))

    def picture(self, path: Path, *, dark: bool = False, width: int = 900, height: int = 700) -> None:
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.ask("Emulation.setEmulatedMedia", features=scheme)
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.ask("Emulation.setDeviceMetricsOverride", **size)
        path.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot")["data"]))


@contextmanager
def browsing(folder: Path, *flags: str, env: dict[str, str] | None = None) -> Iterator[Tab]:
    """A fresh browser, ended in any case. `folder` holds its profile."""
    assert PROGRAM is not None
    (to_read, into), (out, to_write) = os.pipe(), os.pipe()

    def descriptors() -> None:
        """They may be 3 and 4 already, crosswise: through numbers that nobody has."""
        for number in (to_read, to_write):
            os.dup2(number, 100 + number)
        os.dup2(100 + to_read, 3)
        os.dup2(100 + to_write, 4)

    command = [PROGRAM, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags]
    home = {"PATH": os.environ["PATH"], "HOME": str(folder), "LANG": "C.UTF-8"} | (env or {})
    process = subprocess.Popen(
        command, env=home, preexec_fn=descriptors, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    os.close(to_read)
    os.close(to_write)
    tab = Tab(into, out)
    try:
        yield tab
    finally:
        tab.ask("Browser.close")
        tab.close()
        try:
            process.wait(3)
        except subprocess.TimeoutExpired:  # a busy machine; what is open at the end is of no interest
            process.kill()
            process.wait(10)
