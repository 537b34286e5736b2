"""Fixtures of the page's tests: the scripted pipeline, and a browser with one page open."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from browsing import open_chromium, served
from playwright.sync_api import Browser, Page, sync_playwright
from standin import ScriptedPipeline

from reasonrank.settings import Settings


@pytest.fixture
def scripted(tmp_path) -> ScriptedPipeline:
    return ScriptedPipeline(Settings(cache=tmp_path, order="student"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = open_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[tuple[ScriptedPipeline, str]]:
    """One server for a module's tests, over one scripted pipeline."""
    pipeline = ScriptedPipeline(Settings(cache=tmp_path_factory.mktemp("cache"), order="student"))
    with served(pipeline) as address:
        yield pipeline, address


@pytest.fixture
def pipeline(site) -> ScriptedPipeline:
    """The scripted pipeline behind ``page``, with nothing remembered of the tests before."""
    pipeline, _ = site
    pipeline.forget()
    return pipeline


@pytest.fixture
def open_page(site, pipeline, chromium) -> Iterator[Callable[..., Page]]:
    """Opens the page in a fresh visit; at the end, nothing may have gone wrong in any of them."""
    contexts, wrong = [], []

    def open_one(width: int = 1280, height: int = 900, address: str = site[1], **options) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("dialog", lambda dialog: wrong.append(f"dialog: {dialog.message}"))
        page.on("request", lambda request: _note_foreign(request.url, wrong))
        page.goto(address)
        page.wait_for_selector("#rr-question")
        return page

    yield open_one
    hacked = [page.evaluate("window.hacked") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    assert wrong == []
    assert not any(hacked), "text of a document ran as a script"


def _note_foreign(url: str, wrong: list[str]) -> None:
    if not url.startswith(("http://127.0.0.1:", "http://localhost:", "data:", "blob:")):
        wrong.append(f"request to another host: {url}")


@pytest.fixture
def page(open_page) -> Page:
    return open_page()
