"""The offline page in a real browser, by keyboard alone: blind first, a mark, an undo, and a download that imports."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import sync_playwright

from reasonrank.data import Candidate, Document, Query
from reasonrank.errors import InputError
from reasonrank.review.imports import import_file
from reasonrank.review.items import ranking_items
from reasonrank.review.lead import Lead
from reasonrank.review.offline import offline_page
from reasonrank.review.service import Review
from reasonrank.review.values import Entries, ReviewSet
from reasonrank.settings import Settings
from tests.review.helpers import ADA, LEAD, make_set
from tests.test_pipeline import ScriptedPipeline
from tests.ui.browsing import open_chromium

HOSTILE = "</script><img src=x onerror=document.title='run'> good 🦋 text."


@pytest.fixture
def made(light_review: Review) -> ReviewSet:
    """Two reasons, a document and a pair, and one more document that attacks the page."""
    made = make_set(light_review)
    candidates = [Candidate(Document("h", HOSTILE), 1, 1.0, "given")]
    hostile = list(ScriptedPipeline(Settings(explain=0)).rerank(Query("q9", HOSTILE), candidates))[-1].ranking
    Lead(light_review, LEAD).add_items(made.set_id, ranking_items(hostile, made.set_id))
    return made


def by_keyboard(page_file: Path, downloaded: Path) -> dict[str, Any]:
    """Review the page's five items, undoing one; what was seen on the way."""
    seen: dict[str, Any] = {}
    with sync_playwright() as playwright:
        browser = open_chromium(playwright)
        page = browser.new_page()
        errors: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
        page.goto(page_file.as_uri())
        page.fill("#name", "Ada")
        page.press("#name", "Enter")
        page.press("#name", "Escape")
        seen["before"] = page.locator("#reason").count()
        keys = page.keyboard
        for key in ("2", "Enter"):  # the blind half of z
            keys.press(key)
        seen["after"] = page.locator("#reason").inner_text()
        page.evaluate(
            "() => { const text = document.getElementById('reason').firstChild; const range = document.createRange();"
            " range.setStart(text, 0); range.setEnd(text, 5); getSelection().removeAllRanges();"
            " getSelection().addRange(range); }"
        )
        for key in ("m", "2", "1", "0", "e"):
            keys.press(key)
        page.keyboard.type("Names it. 0 1 2")  # digits are text here, not answers
        for key in ("Escape", "Enter"):
            keys.press(key)
        for key in ("1", "Enter", "2", "2", "2", "Enter"):  # y
            keys.press(key)
        for key in ("0", "Enter", "u", "1", "Enter"):  # x: judged, taken back, judged again
            keys.press(key)
        for key in ("ArrowLeft", "Enter", "2", "Enter"):  # the pair
            keys.press(key)
        page.reload()  # what was done is kept by the browser
        seen["progress"] = page.locator("#progress").inner_text()
        for key in ("2", "Enter"):
            keys.press(key)
        seen["done"] = page.locator("#message").inner_text()
        with page.expect_download() as download:
            keys.press("d")
        download.value.save_as(downloaded)
        seen["title"], seen["errors"] = page.title(), errors
        browser.close()
    return seen


@pytest.mark.browser
def test_a_set_is_reviewed_without_a_server(light_review: Review, made: ReviewSet, tmp_path: Path) -> None:
    page, downloaded = tmp_path / "review.html", tmp_path / "judged.jsonl"
    page.write_text("".join(Lead(light_review, LEAD).export([made.set_id], "html")), encoding="utf-8")
    with ThreadPoolExecutor(1) as thread:  # Playwright allows one loop a thread, and other tests may hold theirs
        seen = thread.submit(by_keyboard, page, downloaded).result()
    assert seen["errors"] == []
    assert (seen["before"], seen["after"]) == (0, "Tells what was asked for.")
    assert seen["progress"].startswith("4 of 5 done, median")
    assert seen["done"].startswith("Everything is judged")
    assert seen["title"] == "Review: first"
    added = import_file(light_review, ADA, downloaded)
    assert len(added.events) == len(downloaded.read_text().splitlines()) == 10
    first, second, document, pair, hostile = light_review.mine(ADA, made.set_id)
    assert first.event.value == {
        "grade": 2,
        "correct": 2,
        "supported": 1,
        "complete": 0,
        "corrected": "Names it. 0 1 2",
        "wrong_spans": [[0, 5]],
    }
    assert [entry.event.blind for entry in (first, second, document, pair, hostile)] == [True, True, False, True, True]
    assert second.event.value is not None and second.event.value["grade"] == 1
    assert document.event.value == {"grade": 1}
    assert pair.event.value is not None and pair.event.value["preferred"] == "left"
    assert {pair.event.value["left_id"], pair.event.value["right_id"]} == {"z", "y"}
    assert light_review.progress(ADA, made.set_id).judged == 5


def test_the_page_needs_nothing_from_elsewhere(light_review: Review, made: ReviewSet) -> None:
    text = "".join(Lead(light_review, LEAD).export([made.set_id], "html"))
    assert "http" not in text.replace("http-equiv", "")
    assert "</script><img" not in text
    data = text.split('id="data">')[1].split("</script>")[0]
    assert json.loads(data)["items"][-1]["query"] == HOSTILE


def test_a_page_holds_one_set() -> None:
    with pytest.raises(InputError, match="holds one set, got 0"):
        offline_page(Entries())
