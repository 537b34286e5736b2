"""Waiting times as a reader has them, in a real browser over the real app: ``python -m benchmarks.interaction``.

Starts ``app.py`` in a process of its own, asks one question that is not counted, then measures each repetition in a
fresh visit: from the page's address to the question box; from Enter to the first list, the scores, the first reason
and everything; from the second click on "Compare with…" to the comparison; from "What decides?" to its answer; and
from "Judge again" to the score of a changed text. Times are read in the page, by its own clock, at the first frame
that shows the thing. Prints JSON: the median, the least and the most of each, in milliseconds.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, Page, TimeoutError, sync_playwright

from reasonrank.corpus import load_corpus
from reasonrank.settings import Settings
from tests.ui.browsing import INSTALL, QUIET

ROOT = Path(__file__).parents[1]
PATIENCE_MS = 300_000
WIDTH, HEIGHT = 1440, 900

ASKED = {
    "first_list": ".rr-card",
    "scores": "[data-stage=score].rr-stage-done",
    "first_reason": ".rr-why .rr-said",
    "everything": "[data-stage=total]",
}
COMPARED = {"sheet": ".rr-panel", "comparison": ".rr-panel .rr-sure"}
DECIDED = {"what_decides": ".rr-decides:not(:has(progress))"}
CHANGED = {"changed_score": ".rr-lab-result .rr-two"}
"""What is waited for after a question, a second pick, a click on "What decides?" and on "Judge again"."""

WATCH = """(wanted) => {
  window.seen = {};
  window.began = 0;
  window.wanted = wanted;
  const begin = () => { window.began = window.began || performance.now(); };
  for (const name of ["keydown", "click"]) document.addEventListener(name, begin, { capture: true, once: true });
  const look = () => {
    for (const [name, selector] of Object.entries(window.wanted)) {
      const found = window.began && !(name in window.seen) && document.querySelector(selector);
      if (found && found.textContent.trim()) {
        window.seen[name] = performance.now() - window.began;
      }
    }
    if (Object.keys(window.seen).length < Object.keys(window.wanted).length) requestAnimationFrame(look);
  };
  look();
}"""
"""Notes when each selector first matches something with text in it, counted from the next key or click."""
DONE = "() => Object.keys(window.seen).length === Object.keys(window.wanted).length && window.seen"


@contextmanager
def running_app(cache: Path) -> Iterator[tuple[str, float]]:
    """The app in a process of its own: its address, and the seconds until it answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    environment = {**os.environ, "GRADIO_SERVER_NAME": "127.0.0.1", "GRADIO_SERVER_PORT": str(port)}
    environment["REASONRANK_CACHE"] = str(cache)
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, str(ROOT / "app.py")], cwd=ROOT, env=environment, stdout=sys.stderr)
    try:
        while True:
            if process.poll() is not None:
                raise SystemExit("The app ended before it answered.")
            try:
                urllib.request.urlopen(address, timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield address, time.perf_counter() - began
    finally:
        process.terminate()
        process.wait(30)


def visit(browser: Browser, address: str, question: str) -> dict[str, float]:
    """One visit with one question: every waiting time in milliseconds."""
    context = browser.new_context(viewport={"width": WIDTH, "height": HEIGHT}, reduced_motion="reduce")
    context.add_init_script("localStorage.setItem('reasonrank-guide', '1')")
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    page.goto(address)
    page.wait_for_selector("#rr-question")
    spent = {"page": page.evaluate("performance.now()")}
    page.locator("#rr-question").fill(question)
    page.evaluate(WATCH, ASKED)
    page.keyboard.press("Enter")
    spent |= _seen(page)
    spent |= _tried(page)
    context.close()
    return spent


def _tried(page: Page) -> dict[str, float]:
    """What is tried on a finished list: two documents compared, what decides, a text without its last word."""
    if page.locator(".rr-pick").count() < 2 or not page.locator(".rr-try").count():
        return {}
    page.locator(".rr-pick").first.click()
    page.evaluate(WATCH, COMPARED)
    page.locator(".rr-pick").last.click()  # the first and the last: never neighbours, which are compared already
    spent = _seen(page)
    page.locator(".rr-panel .rr-decide").wait_for()
    page.evaluate(WATCH, DECIDED)
    page.locator(".rr-panel .rr-decide").click()
    spent |= _seen(page)
    page.keyboard.press("Escape")
    page.locator(".rr-try").first.click()
    text = page.locator("#rr-lab-text")
    text.wait_for()
    # Set, not typed: typing would be judged by itself after a pause.
    text.evaluate("box => { box.value = box.value.trim().split(' ').slice(0, -1).join(' '); }")
    page.evaluate(WATCH, CHANGED)
    page.get_by_role("button", name="Judge again").click()
    return spent | _seen(page)


def _seen(page: Page) -> dict[str, float]:
    try:
        found: Mapping[str, float] = page.wait_for_function(DONE).json_value()
    except TimeoutError as error:
        seen = json.dumps(page.evaluate("window.seen"))
        raise SystemExit(f"Within {PATIENCE_MS // 1000} s only this was seen: {seen}") from error
    return dict(found)


def summary(visits: Sequence[Mapping[str, float]]) -> dict[str, dict[str, float]]:
    """Median, least and most of each time, in milliseconds."""
    names = list(dict.fromkeys(name for one in visits for name in one))
    values = {name: [one[name] for one in visits if name in one] for name in names}
    return {
        f"{name}_ms": {"median": round(median(all_of)), "least": round(min(all_of)), "most": round(max(all_of))}
        for name, all_of in values.items()
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code. Settings come from ``REASONRANK_*`` variables, as the app's do."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.interaction", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=10, help="visits measured, each with a question of its own")
    options = parser.parse_args(arguments)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.stderr.write(f"{INSTALL}\n")
        return 2
    settings = Settings.load()
    queries = load_corpus(settings.corpus, settings).queries
    questions = [queries[n % len(queries)].text for n in range(options.repetitions + 1)]
    with running_app(settings.cache) as (address, seconds), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(QUIET))
        visits = []
        for number, question in enumerate(questions):
            found = visit(browser, address, question)
            sys.stderr.write(f"{number} of {options.repetitions}: {json.dumps(found)}\n")
            if number:  # the first one waits for the index and the student
                visits.append(found)
        version = browser.version
        browser.close()
    told = {
        "repetitions": options.repetitions,
        "app_answers_s": round(seconds, 1),
        "k": settings.k,
        "explain": settings.explain,
        "student": settings.student,
        "chromium": version,
        **summary(visits),
    }
    sys.stdout.write(json.dumps(told, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
