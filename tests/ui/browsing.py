"""A real browser for tests: where Chromium is, how to open it, and how to serve a page to it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Playwright

from reasonrank.pipeline import Pipeline
from reasonrank.ui.page import build_page, launch_options

INSTALL = "Chromium is not installed; on Debian: apt-get install -y chromium fonts-dejavu"
QUIET = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def open_chromium(playwright: Playwright) -> Browser:
    """Chromium of this machine. Without one the test fails where CI is set, and is skipped elsewhere."""
    names = ("chromium", "chromium-browser", "google-chrome")
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, names)), None)
    if path is None:
        if os.environ.get("CI"):
            pytest.fail(INSTALL)
        pytest.skip(INSTALL)
    return playwright.chromium.launch(executable_path=path, args=list(QUIET))


@contextmanager
def served(pipeline: Pipeline, *, prepare: bool = False) -> Iterator[str]:
    """The page over a pipeline, at the address it yields."""
    page = build_page(pipeline, pipeline.settings, prepare=prepare)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    page.launch(server_name="127.0.0.1", server_port=port, prevent_thread_lock=True, quiet=True, **launch_options())
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        page.close(verbose=False)


def axe_script() -> str | None:
    """axe-core, from node_modules or from the package axe-playwright-python, where one is there."""
    candidates = [Path("node_modules/axe-core/axe.min.js")]
    if "AXE_CORE" in os.environ:
        candidates.insert(0, Path(os.environ["AXE_CORE"]))
    found = importlib.util.find_spec("axe_playwright_python")
    if found is not None and found.submodule_search_locations:
        candidates += Path(next(iter(found.submodule_search_locations))).rglob("axe.min.js")
    return next((path.read_text(encoding="utf-8") for path in candidates if path.is_file()), None)


def ask(page: Page, question: str) -> None:
    """Type a question and press Enter."""
    page.locator("#rr-question").fill(question)
    page.locator("#rr-question").press("Enter")


def wait_for_end(page: Page, question: str) -> None:
    """Until this question is answered, or given up."""
    page.locator("[aria-busy=false] > .rr-list .rr-head h2", has_text=question).wait_for()


def titles(page: Page) -> list[str]:
    """The headings of the cards, from the top."""
    return page.locator(".rr-card h3").all_inner_texts()


CONTRAST = """() => {
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const over = (top, below) => {
    const alpha = top.length > 3 ? top[3] : 1;
    return [0, 1, 2].map((i) => top[i] * alpha + below[i] * (1 - alpha));
  };
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const known = new Map();
  const rgba = (colour) => {
    if (!known.has(colour)) {
      canvas.clearRect(0, 0, 1, 1);
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
      const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
      known.set(colour, [r, g, b, a / 255]);
    }
    return known.get(colour);
  };
  const background = (element) => {
    const chain = [];
    for (let e = element; e; e = e.parentElement) chain.push(rgba(getComputedStyle(e).backgroundColor));
    return chain.reverse().reduce((below, top) => over(top, below), [255, 255, 255]);
  };
  const poor = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.checkVisibility({ checkOpacity: true })) continue;
    if (element.closest(".rr-sr, script, style, [inert]")) continue;
    const below = background(element);
    const [a, b] = [luminance(over(rgba(getComputedStyle(element).color), below)), luminance(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${ratio.toFixed(2)} ${element.className}: ${walker.currentNode.data.slice(0, 40)}`);
  }
  return poor;
}"""
"""Texts whose contrast with what is behind them is below 4.5 to 1 (WCAG 2.2, AA)."""
