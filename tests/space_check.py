"""A visitor of a page that runs elsewhere: ``python -m tests.space_check URL`` asks a question in a real browser.

Used by the dry run of the Space (``.ci/space``). Prints what it saw; 1 when something is missing.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import sync_playwright

QUESTION = "why do moths circle a lamp"
START_SECONDS = 300
ANSWER_MS = 600_000


def wait_for(url: str, process: int | None) -> float:
    """Seconds until the page answers.

    Raises:
        SystemExit: Its process ended, or it took too long.
    """
    began = time.monotonic()
    while time.monotonic() - began < START_SECONDS:
        try:
            with urllib.request.urlopen(url, timeout=10):
                return time.monotonic() - began
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if process is not None and not Path(f"/proc/{process}").exists():
                raise SystemExit("The page's process ended before it answered.") from None
            time.sleep(1)
    raise SystemExit(f"The page did not answer within {START_SECONDS} s.")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--process", type=int, default=None, help="give up when this process is gone")
    options = parser.parse_args(arguments)
    say = sys.stdout.write
    say(f"The page answers after {wait_for(options.url, options.process):.0f} s.\n")
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page()
        page.set_default_timeout(ANSWER_MS)
        page.goto(options.url)
        page.locator("#rr-question").fill(QUESTION)
        page.locator("#rr-question").press("Enter")
        page.locator(".rr-card").first.wait_for()
        say(f"{page.locator('.rr-card').count()} cards.\n")
        page.locator("[aria-busy=false] > .rr-list .rr-head h2", has_text=QUESTION).wait_for()
        grades = page.locator(".rr-grade").count()
        reasons = page.locator(".rr-why").count()
        pairs = page.locator(".rr-pair").count()
        say(f"{grades} grades, {reasons} reasons, {pairs} comparisons.\n")
        browser.close()
    return 0 if min(grades, reasons, pairs) > 0 else 1


if __name__ == "__main__":
    raise SystemExit(main())
