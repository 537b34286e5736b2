"""The tools over a list in a real Chromium: before and after, every pair, what if, share, judged questions."""

from __future__ import annotations

import re

import pytest
from browsing import ask, wait_for_end
from playwright.sync_api import expect
from standin import EVIDENCE, QUESTIONS
from test_browser import check_access

pytestmark = pytest.mark.browser
QUESTION = QUESTIONS[0]


@pytest.fixture
def asked(page):
    """A page with a finished list."""
    page.set_default_timeout(60_000)
    expect.set_options(timeout=20_000)
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    return page


def test_before_and_after_side_by_side(asked):
    button = asked.get_by_role("button", name="Before and after")
    expect(button).to_have_attribute("aria-expanded", "false")
    button.click()
    view = asked.locator("#rr-view-change")
    expect(view).to_be_visible()
    expect(view).to_contain_text("11 documents: 3 moved up, 6 moved down, 2 stayed where the first stage had them.")
    expect(view.locator(".rr-slope-right li").first).to_have_text(re.compile("1 The dorsal light response.*8"))
    assert view.locator("path").count() == 11
    view.get_by_role("link", name="Steering by the moon").click()
    assert asked.evaluate("document.activeElement.textContent") == "Steering by the moon"
    check_access(asked, "before and after")
    asked.get_by_role("button", name="Without BM25").click()
    expect(asked.locator(".rr-panel")).to_contain_text("0 would be gone, 0 would be new.")
    button.click()
    expect(view).to_be_hidden()


def test_written_queries_are_edited_and_searched_again(asked, pipeline, open_page):
    asked.get_by_text("More settings").click()
    asked.get_by_text("the student’s queries too").click()
    ask(asked, "A long question about moths?")
    wait_for_end(asked, "A long question about moths?")
    section = asked.get_by_role("region", name="Search queries")
    expect(section).to_contain_text("The student wrote these")
    expect(section.get_by_label("Query 1", exact=True)).to_have_value("insects <b>lamp</b>")
    expect(asked.locator(".rr-card[data-doc=moths] .rr-foot")).to_contain_text("query 1 (9th)")
    check_access(asked, "queries")
    section.get_by_role("button", name="Remove query 2").click()
    assert asked.evaluate("document.activeElement.id") == "rr-query-1"
    section.get_by_role("button", name="Add a query").click()
    asked.keyboard.type("moths <i>& flames")
    asked.keyboard.press("Enter")
    expect(section).to_contain_text("as you gave them")
    wait_for_end(asked, "A long question about moths?")
    assert [section.get_by_label(f"Query {n}", exact=True).input_value() for n in (1, 2)] == [
        "insects <b>lamp</b>",
        "moths <i>& flames",
    ]
    edited = ("insects <b>lamp</b>", "moths <i>& flames")
    assert pipeline.given[-1] == edited and not pipeline.searched[-1].query_writing
    other = open_page(address=asked.url)
    wait_for_end(other, "A long question about moths?")
    assert pipeline.given[-1] == edited, "a link brings them along"
    ask(other, "Another question")
    wait_for_end(other, "Another question")
    assert pipeline.given[-1] is None, "and for its own question only"


def test_what_decides_between_two_is_marked(asked):
    first = asked.locator(".rr-pair .rr-decide").first
    first.click()
    panel = asked.locator(".rr-panel")
    expect(panel).to_contain_text("without it, the chance that this one is better falls from 93% to 35%, and")
    expect(panel.locator("mark")).to_have_text(EVIDENCE)
    expect(panel).to_contain_text("Without sentence 2 it rises by 21.")
    check_access(asked, "what decides")
    asked.keyboard.press("Escape")
    assert asked.evaluate("document.activeElement.textContent") == "What decides?"
    asked.locator(".rr-pick[data-doc=moths]").click()
    asked.locator(".rr-pick[data-doc=bats]").click()
    panel.get_by_role("button", name="What decides?").click()
    expect(panel).to_contain_text("Its text has only one sentence")
    assert asked.evaluate("document.activeElement.id") == "rr-panel-title"
    expect(panel.locator("mark")).to_have_text(EVIDENCE)
    panel.get_by_role("button", name="Close").click()
    assert asked.evaluate("document.activeElement.dataset.doc") == "bats"


def test_every_pair_with_its_cycle(asked):
    asked.get_by_role("button", name="Every pair").click()
    panel = asked.locator(".rr-panel")
    expect(panel).to_contain_text("A cycle: 4 over 5 over 6 over 4.")
    assert panel.locator("tbody tr").count() == 6
    check_access(asked, "every pair")
    asked.keyboard.press("Escape")
    expect(panel).to_be_hidden()
    assert asked.evaluate("document.activeElement.textContent") == "Every pair"


def test_a_text_is_changed_and_the_score_follows(asked):
    asked.locator(".rr-try[data-doc=moths]").click()
    box = asked.get_by_label("Text", exact=True)
    box.fill(box.input_value().replace(EVIDENCE, ""))
    expect(asked.locator(".rr-panel")).to_contain_text("The score falls by 1.21, from 1.86 to 0.65.")
    assert EVIDENCE not in box.input_value(), "what was typed stays"
    asked.get_by_role("button", name="As it was").click()
    expect(asked.locator(".rr-panel")).to_contain_text("The score stays at 1.86.")
    asked.get_by_role("button", name="Which sentence counts?").click()
    expect(asked.locator(".rr-shade-4")).to_have_text(EVIDENCE)
    check_access(asked, "occlusion")


def test_a_link_asks_again(asked, open_page, pipeline):
    asked.get_by_role("button", name="Share and keep").click()
    link = asked.locator(".rr-link-box").input_value()
    assert link == asked.url, "the address bar follows the question"
    check_access(asked, "share")
    pipeline.forget()
    other = open_page(address=link.replace("retriever=hybrid", "retriever=bm25").replace("k=20", "k=10"))
    wait_for_end(other, QUESTION)
    assert [(s.retriever, s.k) for s in pipeline.searched] == [("bm25", 10)]
    expect(other.locator("#rr-question")).to_have_value(QUESTION)


def test_a_link_cannot_ask_for_what_is_not_on_offer(open_page, pipeline, site):
    page = open_page(address=f"{site[1]}?q=%3Cb%3Ehello&corpus=/etc/passwd&k=100000&retriever=magic")
    wait_for_end(page, "<b>hello")
    [sent] = pipeline.searched
    assert (sent.corpus, sent.k, sent.retriever) == ("collection", 20, "hybrid")


@pytest.mark.parametrize(("name", "ending"), [("JSON", ".json"), ("CSV", ".csv"), ("TREC run", ".run")])
def test_the_list_is_downloaded(asked, name, ending):
    asked.get_by_role("button", name="Share and keep").click()
    with asked.expect_download() as download:
        asked.get_by_role("button", name=name, exact=True).click()
    assert download.value.suggested_filename.endswith(ending)
    assert "moths" in download.value.path().read_text(encoding="utf-8")


def test_the_report_opens_without_a_server(asked, chromium, tmp_path):
    asked.get_by_role("button", name="Share and keep").click()
    with asked.expect_download() as download:
        asked.get_by_role("button", name="Report").click()
    download.value.save_as(tmp_path / "report.html")
    context = chromium.new_context(offline=True, java_script_enabled=False)
    page = context.new_page()
    asked_for = []
    page.on("request", lambda request: asked_for.append(request.url))
    page.goto((tmp_path / "report.html").as_uri())
    expect(page.locator("h1")).to_have_text(QUESTION)
    assert page.locator(".rr-card").count() == 11
    expect(page.locator("mark")).to_have_text(EVIDENCE)
    assert len(asked_for) == 1, "nothing but the file itself is read"
    context.close()


def test_pasted_text_is_searched(page):
    page.get_by_text("Search in your own texts").click()
    expect(page.locator(".rr-own")).to_contain_text("It is deleted when you close this page.")
    page.get_by_label("Or paste text").fill("Of <b>lamps</b>.\n\nOf bats.")
    page.get_by_role("button", name="Use this text").click()
    expect(page.locator("#rr-notice")).to_contain_text("Your pasted text has 2 documents.")
    expect(page.locator(".rr-preview")).to_contain_text("Of <b>lamps</b>.")
    check_access(page, "preview")
    ask(page, QUESTION)
    wait_for_end(page, QUESTION)
    assert page.locator(".rr-card").count() == 2


def test_tabs_by_keyboard(page):
    page.get_by_role("tab", name="Search").focus()
    page.keyboard.press("ArrowRight")
    page.get_by_role("tab", name="Evaluation").click()
    expect(page.locator("#rr-evaluation")).to_contain_text("This corpus has no judged questions")
    check_access(page, "evaluation")
    page.get_by_role("tab", name="Review").click()
    name = page.locator(".rr-rv-sign input")
    name.wait_for()
    assert name.bounding_box()["width"] > 200
    check_access(page, "review")
    page.get_by_role("tab", name="About").click()
    expect(page.get_by_role("heading", name="How it works")).to_be_visible()
    check_access(page, "about")


def test_a_first_visit_is_guided_once(asked):
    guide = asked.get_by_role("complementary", name="How to read this list")
    expect(guide).to_contain_text("1 of 4.")
    for number in (2, 3, 4):
        guide.get_by_role("button", name="Next").click()
        expect(guide).to_contain_text(f"{number} of 4.")
        assert asked.locator(".rr-shown").count() == 1
    check_access(asked, "guide")
    guide.get_by_role("button", name="Done").click()
    expect(guide).to_have_count(0)
    asked.reload()
    wait_for_end(asked, QUESTION)
    expect(guide).to_have_count(0)


def test_two_set_ups_with_a_vote(asked):
    asked.get_by_role("button", name="Against another set-up").click()
    panel = asked.locator(".rr-panel")
    panel.get_by_label("Find by").select_option("bm25")
    check_access(asked, "the form")
    panel.get_by_role("button", name="Compare the lists").click()
    expect(panel).to_contain_text("The left list")
    check_access(asked, "two lists")
    panel.get_by_role("button", name="Equal").click()
    expect(panel).to_contain_text("Your vote was kept: equal.")
    expect(panel).to_contain_text("BM25, no student")
