"""A real browser without a window, driven by its own protocol: what a page asks for, says, draws and looks like.

Debian's package `chromium` is enough. It runs with an empty profile of its own and without any service of its maker.
"""

from __future__ import annotations

import base64
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
PATIENCE_S = 60.0
TALLEST_ROW_PX = 160
"""Of a row of a table: eight lines are read at once; what has more is a column that its words are squeezed into."""
_TRIES = 10
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
    "--disable-features=Translate,OptimizationHints,MediaRouter", "--remote-debugging-port=0",
)  # fmt: skip
_LISTENING = re.compile(r"DevTools listening on (ws://\S+)")

_LOOK = """
(async () => {
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));
  const drawn_ms = performance.now();
  document.querySelectorAll('details').forEach(folded => { folded.open = true; });
  const marks = svg => [...svg.querySelectorAll('[class*="mark-"] :is(path, line, rect)')].filter(mark => {
    const box = mark.getBoundingClientRect();
    return box.width > 0 || box.height > 0;
  }).length;
  const charts = [...document.querySelectorAll('svg')].map(svg => {
    const box = svg.getBoundingClientRect();
    return {shown: svg.checkVisibility(), width: box.width, height: box.height, right: box.right, marks: marks(svg)};
  });
  const wide = [...document.querySelectorAll('body *')].filter(
    one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1 && !one.closest('.wide, svg'));
  const begins = one => one.innerText.replace(/\\s+/g, ' ').slice(0, 60);
  const rows = [...document.querySelectorAll('tr')].map(
    row => ({cells: row.cells.length, height: row.getBoundingClientRect().height, words: begins(row)}));
  return {
    drawn_ms, charts, rows, title: document.title, text: document.body.innerText,
    page_width: document.documentElement.scrollWidth, window_width: document.documentElement.clientWidth,
    wide: wide.map(one => one.tagName + '.' + one.className + ': ' + one.innerText.slice(0, 40)),
  };
})()
"""


class Navigated(Exception):
    """The page was loaded anew before it could answer."""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A drawing on a page: its box, and how many of its marks have any extent."""

    shown: bool
    width: float
    height: float
    right: float
    marks: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """A row of a table on a page: how many cells it has, how tall it is, and how it begins."""

    cells: int
    height: float
    words: str


@dataclass(frozen=True, kw_only=True)
class Seen:
    """A page as a browser sees it. drawn_s: from the beginning of the load to the second frame after it."""

    title: str
    text: str
    charts: tuple[Chart, ...]
    rows: tuple[Row, ...]
    requests: tuple[str, ...]
    complaints: tuple[str, ...]
    page_width: int
    window_width: int
    wide: tuple[str, ...]
    drawn_s: float
    png: bytes = field(repr=False, default=b"")

    @property
    def foreign(self) -> list[str]:
        """What was asked of anybody but the place that the page came from."""
        home = re.match(r"file://|https?://[^/]+", self.requests[0])
        own = (home[0] if home else "", "data:")
        return [url for url in self.requests if not url.startswith(own)]


def require_sound(seen: Seen) -> None:
    """Refuse a page that complains, asks others, is wider than its window, or has a drawing without a mark.

    And one with a row of a table that is taller than what is read at once; two columns may be prose.
    """
    assert () == seen.complaints
    assert [] == seen.foreign
    assert seen.page_width <= seen.window_width, seen.wide
    assert () == seen.wide
    assert [] == [chart for chart in seen.charts if not (chart.shown and chart.marks and chart.width > 100)]
    assert [] == [row for row in seen.rows if row.cells > 2 and row.height > TALLEST_ROW_PX]


def found_browser() -> str | None:
    """Return the browser of this machine, None where there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextmanager
def opened_browser(program: str, profile: Path) -> Iterator[Browser]:
    """Start a browser, and end it with all of its processes."""
    command = [program, *_FLAGS, f"--user-data-dir={profile}", "about:blank"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    try:
        with connect(_address(process), max_size=None, open_timeout=PATIENCE_S) as wire:
            browser = Browser(wire)
            yield browser
            browser.call("Browser.close")
    finally:
        if process.stderr is not None:
            process.stderr.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _address(process: subprocess.Popen[str]) -> str:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if found := _LISTENING.search(line):
            return found[1]
    raise AssertionError(f"the browser did not start: {''.join(said)[-2000:]}")


class Browser:
    """One browser, asked one thing at a time."""

    def __init__(self, wire: ClientConnection) -> None:
        self._wire = wire
        self._number = 0
        self._events: list[dict[str, Any]] = []

    def call(self, method: str, *, session: str | None = None, **params: Any) -> dict[str, Any]:
        """Ask the browser, or one of its pages, and wait for the answer; what happens meanwhile is kept."""
        self._number += 1
        asked = {"id": self._number, "method": method, "params": params}
        self._wire.send(json.dumps(asked | ({"sessionId": session} if session else {})))
        answer = self._until(lambda said: said.get("id") == self._number)
        if "navigated" in str(answer.get("error")):
            raise Navigated
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def _until(self, wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
        end_s = time.monotonic() + PATIENCE_S
        while (left_s := end_s - time.monotonic()) > 0:
            said = json.loads(self._wire.recv(timeout=left_s))
            if wanted(said):
                return said
            self._events.append(said)
        raise TimeoutError("the browser did not answer")

    @contextmanager
    def page(self, url: str, *, width: int = 1200, height: int = 900, dark: bool = False) -> Iterator[Tab]:
        """Open an address in a tab of its own, and wait until it is loaded."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self._events.clear()
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(f"{domain}.enable", session=session)
        self.call(
            "Emulation.setDeviceMetricsOverride", session=session, width=width, height=height, deviceScaleFactor=1,
            mobile=False,
        )  # fmt: skip
        colours = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", session=session, features=colours)
        tab = Tab(self, session)
        try:
            tab.go(url)
            yield tab
        finally:
            self.call("Target.closeTarget", targetId=target)

    def look(self, url: str, *, picture: bool = False, **said: Any) -> Seen:
        """Open an address, and tell how it looks."""
        with self.page(url, **said) as tab:
            return tab.look(picture=picture)

    def events_of(self, session: str, method: str) -> list[dict[str, Any]]:
        """Return what a page told so far under one name."""
        return [
            said["params"] for said in self._events if said.get("sessionId") == session and said.get("method") == method
        ]

    def wait_for(self, session: str, method: str) -> None:
        """Wait until a page tells something again."""
        said = self._until(lambda said: said.get("sessionId") == session and said.get("method") == method)
        self._events.append(said)


class Tab:
    """One page in the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def go(self, url: str) -> None:
        """Load an address to the end."""
        said = self._browser.call("Page.navigate", session=self._session, url=url)
        assert "errorText" not in said, f"{url}: {said['errorText']}"
        if not self._browser.events_of(self._session, "Page.loadEventFired"):
            self._browser.wait_for(self._session, "Page.loadEventFired")

    def wait_for_load(self) -> None:
        """Wait until the page loads by itself."""
        self._browser.wait_for(self._session, "Page.loadEventFired")

    def run(self, script: str) -> Any:
        """Return what a script comes to in the page; where the page loads meanwhile it is run again."""
        for _ in range(_TRIES):
            try:
                return self._run(script)
            except Navigated:
                continue
        raise TimeoutError("the page loads again and again")

    def _run(self, script: str) -> Any:
        said = self._browser.call(
            "Runtime.evaluate", session=self._session, expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in said, said["exceptionDetails"]
        return said["result"].get("value")

    def statuses(self) -> list[int]:
        """Return the status of every answer so far; 304 where nothing was new."""
        plain = self._browser.events_of(self._session, "Network.responseReceivedExtraInfo")
        return [said["statusCode"] for said in plain]

    def look(self, *, picture: bool = False) -> Seen:
        """Tell how the page looks now."""
        told = self.run(_LOOK)
        asked = self._browser.events_of(self._session, "Network.requestWillBeSent")
        return Seen(
            title=told["title"], text=told["text"], charts=tuple(Chart(**one) for one in told["charts"]),
            rows=tuple(Row(**one) for one in told["rows"]),
            requests=tuple(one["request"]["url"] for one in asked), complaints=tuple(self._complaints()),
            page_width=told["page_width"], window_width=told["window_width"], wide=tuple(told["wide"]),
            drawn_s=told["drawn_ms"] / 1000, png=self._png() if picture else b"",
        )  # fmt: skip

    def _complaints(self) -> Iterator[str]:
        for said in self._browser.events_of(self._session, "Runtime.exceptionThrown"):
            yield str(said["exceptionDetails"])
        for said in self._browser.events_of(self._session, "Runtime.consoleAPICalled"):
            if said["type"] in ("error", "warning", "assert"):
                yield str(said["args"])
        for said in self._browser.events_of(self._session, "Log.entryAdded"):
            if said["entry"]["level"] in ("error", "warning"):
                yield f"{said['entry']['text']} {said['entry'].get('url', '')}"

    def _png(self) -> bytes:
        shot = self._browser.call("Page.captureScreenshot", session=self._session, captureBeyondViewport=True)
        return base64.b64decode(shot["data"])
