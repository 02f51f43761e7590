# SPDX-License-Identifier: Apache-2.0
"""Chromium without a window, told what to do by the messages of its own protocol.

It reads messages from its file 3 and writes them to its file 4, so that no library of
sockets is needed. https://chromedevtools.github.io/devtools-protocol/
"""

import base64
import contextlib
import functools
import http.server
import json
import os
import select
import shutil
import subprocess
import threading
import time

NAMES = ("chromium", "chromium-browser", "google-chrome")
PROGRAM = next(filter(None, map(shutil.which, NAMES)), None)
SECONDS = 60


class Page:
    """A page of a running browser."""

    def __init__(self, profile):
        read_by_it, self._out = os.pipe()
        self._in, written_by_it = os.pipe()
        flags = "--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage"
        flags += " --hide-scrollbars --remote-debugging-pipe"
        command = f'exec "$0" {flags} --user-data-dir="$1" about:blank'
        command += f" 3<&{read_by_it} 4>&{written_by_it}"
        self._process = subprocess.Popen(
            ["bash", "-c", command, PROGRAM, str(profile)],
            pass_fds=(read_by_it, written_by_it),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_by_it)
        os.close(written_by_it)
        self._buffer, self._number, self._session = b"", 0, None
        self.told = []
        found = self.send("Target.getTargets")["targetInfos"]
        target = next(each for each in found if each["type"] == "page")["targetId"]
        how = {"targetId": target, "flatten": True}
        self._session = self.send("Target.attachToTarget", **how)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "DOM", "Network"):
            self.send(f"{domain}.enable")
        self.send("Network.setCacheDisabled", cacheDisabled=True)

    def close(self):
        for end in (self._out, self._in):
            os.close(end)
        self._process.kill()
        self._process.wait()

    def send(self, method, **parameters):
        """Returns the answer to a message; what else is told is kept in `told`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != self._number:
            self.told.append(answer)
        assert "error" not in answer, answer
        return answer["result"]

    def _read(self):
        deadline = time.monotonic() + SECONDS
        while b"\0" not in self._buffer:
            left = max(0.0, deadline - time.monotonic())
            assert select.select([self._in], [], [], left)[0], "the browser is silent"
            found = os.read(self._in, 1 << 20)
            assert found, "the browser ended"
            self._buffer += found
        answer, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(answer)

    def open(self, address):
        """Opens an address, and waits for it, and no page before it, to be loaded."""
        loader = self.send("Page.navigate", url=address).get("loaderId")
        if loader is None:  # another place on the same page
            return
        is_there = False
        for each in self._all_told():
            frame = each.get("params", {}).get("frame", {})
            is_there |= frame.get("loaderId") == loader
            if is_there and each.get("method") == "Page.loadEventFired":
                return

    def _all_told(self):
        """Yields what was told, and then what is told, as it comes."""
        yield from list(self.told)
        while True:
            self.told.append(self._read())
            yield self.told[-1]

    def value(self, expression):
        """Returns what an expression is, once it is there if it is a promise."""
        how = {"awaitPromise": True, "returnByValue": True}
        found = self.send("Runtime.evaluate", expression=expression, **how)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def give_file(self, selector, path):
        """Chooses a file, as a visitor does."""
        root = self.send("DOM.getDocument")["root"]["nodeId"]
        node = self.send("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.send("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def look(self, width, *, scheme="light"):
        """Sets the window's width in pixels, and "light" or "dark"."""
        size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
        self.send("Emulation.setDeviceMetricsOverride", **size)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.send("Emulation.setEmulatedMedia", features=features)

    def picture(self):
        """Returns a PNG file of the whole page."""
        found = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        return base64.b64decode(found["data"])

    def complaints(self):
        """Returns errors of the console, and exceptions that nobody caught."""
        errors = []
        for told in self.told:
            told = told.get("params", {})
            entry = told.get("entry", {})
            if entry.get("level") == "error":
                errors.append(entry["text"])
            if "exceptionDetails" in told:
                errors.append(str(told["exceptionDetails"]))
            if told.get("type") == "error":
                errors.append(str(told.get("args")))
        return errors


@contextlib.contextmanager
def opened(profile):
    """Yields a page of a browser that ends afterwards."""
    page = Page(profile)
    try:
        yield page
    finally:
        page.close()


@contextlib.contextmanager
def served(folder):
    """Yields the address of a folder, as `python -m http.server` serves it."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args):
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()
