"""What the page says of each value, and that nothing in a value can be more than text."""

from __future__ import annotations

import doctest
import importlib
import json
from dataclasses import replace

import pytest
from reading import assert_harmless, read, text_of
from standin import EVIDENCE, MOTHS, comparison_of, first_stage, judgement_of, reason_for, reordered

from reasonrank.data import (
    Candidate,
    Comparison,
    DirectReason,
    Document,
    Evidence,
    Judgement,
    Query,
    Ranking,
    ScoredDocument,
    StageScore,
)
from reasonrank.pipeline import Writing
from reasonrank.settings import Settings
from reasonrank.ui import form, markup
from reasonrank.ui.cards import VISIBLE, card, grade_bars, movement
from reasonrank.ui.pairs import comparison_body, pair
from reasonrank.ui.reasons import document_text, reason_block
from reasonrank.ui.render import View, comparison_panel, page_value

SETTINGS = Settings()


def scored(doc_id="a", text="Some text.", title="A title", *, rank=1, first=1, judgement=None, reason=None):
    candidate = Candidate(Document(doc_id, text, title), first, 12.5, "bm25", {"bm25": StageScore(first, 12.5)})
    return ScoredDocument(candidate, rank, 1.0, judgement, reason)


def ranking_of(*documents: ScoredDocument, **changes) -> Ranking:
    ranking = Ranking(
        Query("", "a question"), "Corpus", "bm25", "Student", "engine", "expected_grade", tuple(documents)
    )
    return replace(ranking, **changes)


def view_of(ranking: Ranking | None, state="done", **changes) -> View:
    return replace(View(1, "a question", SETTINGS, state, ranking), **changes)


# -- one card ------------------------------------------------------------------------------------------------


def test_a_card_says_what_is_known():
    judgement = Judgement((0.1, 0.18, 0.72), 0.9, cut=True)
    html = card(scored(first=8, judgement=judgement), "expected_grade")
    text = text_of(html)
    assert "Rank 1 +7 up 7 places, was 8th A title 1.62 of 2 expected grade" in text
    assert "Some text." in text and "BM25 8th 12.50" in text and "Id a" in text
    assert "Cut. The student read only the beginning" in text
    assert read(html).tags[0] == (
        "article",
        {
            "class": "rr-card",
            "id": f"doc-{markup.key('a')}",
            "data-doc": "a",
            "aria-labelledby": f"title-{markup.key('a')}",
        },
    )


@pytest.mark.parametrize(
    ("first", "rank", "order_by", "shown"),
    [
        (8, 1, "expected_grade", "+7 up 7 places, was 8th"),
        (1, 3, "expected_grade", "−2 down 2 places, was 1st"),
        (2, 1, "fused", "+1 up 1 place, was 2nd"),
        (4, 4, "expected_grade", "= stayed in place"),
        (34, 3, "expected_grade", "new +31 new among the first 20, up 31 places, was 34th"),
        (34, 30, "expected_grade", "+4 up 4 places, was 34th"),  # neither before nor now among the first
        (8, 8, "bm25", ""),  # the first stage's own order moves nothing
    ],
)
def test_movement(first, rank, order_by, shown):
    assert text_of(movement(scored(first=first, rank=rank), order_by)) == shown


def test_bars_are_told_in_words_and_numbers():
    html = grade_bars(Judgement((0.004, 0.126, 0.87), 1.0))
    told = read(html).tags[0][1]["aria-label"]
    assert told == "grade 2, fully relevant: 87%; grade 1, partly relevant: 13%; grade 0, not relevant: <1%"
    assert text_of(html) == "2 fully 87% 1 partly 13% 0 not <1%"
    widths = [attributes["style"] for tag, attributes in read(html).tags if tag == "i"]
    assert widths == ["width:87.0%", "width:12.6%", "width:0.4%"]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        ({"awaits_score": True}, "Score follows"),
        ({}, "Not scored"),
        ({"awaits_reason": True}, "Why The reason follows"),
        ({"writing": "The passage"}, "Why The passage Being written"),
    ],
)
def test_what_is_still_to_come(options, shown):
    assert shown in text_of(card(scored(), "bm25", **options))


def test_a_score_of_nothing_is_never_a_zero():
    assert "of 2" not in text_of(card(scored(), "bm25"))


def test_samples_are_said():
    judgement = Judgement((0.0, 0.0, 1.0), 1.0, samples=4)
    assert "2.00 of 2 expected grade, mean of 4 samples" in text_of(card(scored(judgement=judgement), "expected_grade"))


def test_the_fused_order_shows_its_own_score():
    assert "Order score 1.00" in text_of(card(scored(), "fused"))


def test_doubts_are_named_and_explained():
    text = text_of(card(scored(judgement=Judgement((0.3, 0.4, 0.3), 0.2)), "expected_grade"))
    assert "Unsure hardly answering no clear grade" in text
    assert "Only 20% of the student's probability went to a grade" in text


@pytest.mark.parametrize(("title", "heading"), [("", "a"), ("  \n ", "a"), ("One\ntwo", "One two")])
def test_headings(title, heading):
    html = card(scored(title=title), "bm25")
    assert f">{heading}</h3>" in html
    assert ("rr-untitled" in html) == (heading == "a")


def test_a_document_without_text():
    assert "This document has no text." in text_of(document_text(Document("a", " "), None))


# -- evidence and reasons --------------------------------------------------------------------------------------


def evidence_in(text: str, sentence: str, **changes) -> Evidence:
    start = text.index(sentence)
    return replace(Evidence(sentence, start, start + len(sentence), 0.8, True), **changes)


def marked(document: Document, evidence: Evidence | None) -> list[str]:
    html = document_text(document, DirectReason("ok", "It says so.", "after_score", 2, evidence))
    return [part.split("</mark>")[0] for part in html.split("<mark>")[1:]]


def test_evidence_is_marked_by_code_points():
    text = "🙂🙂 <First>. Zwölf & more. Last."  # UTF-16 would count each smile twice
    document = Document("a", text)
    assert marked(document, evidence_in(text, "Zwölf & more.")) == ["Zwölf &amp; more."]
    shown = read(document_text(document, DirectReason("ok", "x", "after_score", 2, evidence_in(text, "Zwölf & more."))))
    assert shown.text.startswith(text)


@pytest.mark.parametrize(
    "changes", [{"verified": False}, {"supported": False}, {"verified": False, "supported": False}]
)
def test_evidence_that_is_not_there_or_does_not_support_is_not_marked(changes):
    document = Document("a", "One. Two.")
    assert marked(document, evidence_in(document.text, "Two.", **changes)) == []


@pytest.mark.parametrize(
    ("evidence", "sentence"),
    [
        (None, "Nothing in the text supports this reason."),
        (Evidence("Two.", 5, 9, 0.2, True, supported=False), "Nothing in the text supports this reason."),
        (Evidence("Two.", 5, 9, 0.83, True), "Supported by the marked sentence (83%)"),
        (Evidence("Six.", 5, 9, 0.8, False), "Not in the text. The sentence quoted as evidence is not there: “Six.”"),
    ],
)
def test_what_supports_a_reason(evidence, sentence):
    reason = DirectReason("ok", "It says two.", "after_score", 1, evidence)
    assert sentence in text_of(reason_block(reason))


@pytest.mark.parametrize(
    ("reason", "shown"),
    [
        (DirectReason("ok", "Good.", "after_score", 2), "Why Good. Written after the score, arguing for grade 2"),
        (DirectReason("ok", "Good.", "before_score", 2), "Why Good. Written before the score"),
        (DirectReason("unparsable", "???", "after_score", 0), "Why Not a usable text. What the student wrote"),
        (DirectReason("repeated", "So so.", "after_score", 0), "Why Repeats itself. The student said the same"),
        (DirectReason("truncated", "It is", "after_score", 0), "Why Cut off. The text reached its length limit"),
        (DirectReason("failed", "", "after_score", 0), "Why Failed. The student could not write this text."),
        (DirectReason("ok", "Good.", "before_score", 2, detail="A detail."), "A detail."),
    ],
)
def test_reasons_by_status(reason, shown):
    html = reason_block(reason)
    assert shown in text_of(html)
    assert reason.text in text_of(html), "what was written stays readable"
    assert ("<blockquote" in html) == (reason.status not in ("ok", "failed")), "and is marked unless it is in order"


@pytest.mark.parametrize("status", ["unparsable", "repeated", "failed"])
def test_what_is_no_reason_is_not_called_unsupported(status):
    assert "supports" not in text_of(reason_block(DirectReason(status, "1", "after_score", 1)))


def test_no_reason_asked_for_shows_nothing():
    assert reason_block(DirectReason("not_requested", "", "after_score")) == ""
    assert reason_block(None) == ""


# -- comparisons -----------------------------------------------------------------------------------------------

UPPER, LOWER = scored("u", title="Upper one", rank=3), scored("l", title="Lower {other} one", rank=4)
PLACES = {"u": UPPER, "l": LOWER}


def comparison(**changes) -> Comparison:
    told = Comparison("u", "l", "{preferred} beats {other}; {0} {x!r}", 0.73, (0.8, 0.66), False, True, "ok")
    return replace(told, **changes)


def test_a_comparison_names_ranks_and_titles():
    html = pair(comparison(), PLACES)
    text = text_of(html)
    assert text.startswith("3 Upper one over 4 Lower {other} one probably, 73%")
    assert "3 beats 4; {0} {x!r}" in text, "placeholders are ours only, and titles are not searched for them"
    assert "with the preferred one shown first 80% with the preferred one shown second 66%" in text
    assert read(html).tags[0][1]["aria-label"] == "Why 3 stands above 4"


def test_a_contradiction_is_shown_as_one():
    html = pair(comparison(preferred_id="l", other_id="u", agrees_with_order=False), PLACES)
    assert text_of(html).startswith("4 Lower {other} one over 3 Upper one probably, 73% Contradicts the order.")
    assert "rr-flag-bad" in html
    assert read(html).tags[0][1]["aria-label"] == "Comparison of 3 and 4"


def test_a_flip_is_flagged():
    text = text_of(comparison_body(comparison(probability=0.53, by_order=(0.7, 0.36), flipped=True), PLACES))
    assert "hardly, 53%" in text
    assert "Changes its mind. The student changes its mind with the order of presentation." in text


@pytest.mark.parametrize(
    ("status", "shown"),
    [
        ("unparsable", "Not a usable text."),
        ("repeated", "Repeats itself."),
        ("truncated", "Cut off."),
        ("failed", "Failed."),
        ("not_requested", "over"),
        ("ok", "over"),
    ],
)
def test_comparisons_by_status(status, shown):
    html = comparison_body(comparison(status=status, text="It {preferred}" if status != "failed" else ""), PLACES)
    assert shown in text_of(html)
    assert ("<blockquote" in html) == (status in ("unparsable", "repeated", "truncated", "not_requested"))


# -- the whole page --------------------------------------------------------------------------------------------


def full_ranking() -> Ranking:
    documents = tuple(ScoredDocument(c, c.rank, c.score) for c in first_stage((MOTHS, *OTHERS), 20))
    ranking = reordered(ranking_of(*documents, order_by="rrf"))
    documents = tuple(replace(d, reason=reason_for(d)) if d.rank < 5 else d for d in ranking.documents)
    comparisons = tuple(comparison_of(*documents[i : i + 2]) for i in range(3))
    timings = {"retrieve": 7.2, "score": 812.0, "explain": 2310.4, "compare": 0.2, "total": 3129.8}
    return replace(ranking, documents=documents, comparisons=comparisons, timings_ms=timings)


OTHERS = tuple(Document(f"d{n}", f"Text {n}.", f"Title {n}") for n in range(5))


def test_the_parts_stand_in_order():
    ranking = full_ranking()
    value = page_value(view_of(ranking))
    ids = [d.doc_id for d in ranking.documents]
    cards = [f"card-{markup.key(doc_id)}" for doc_id in ids]
    pairs = [f"pair-{markup.key(*ids[i : i + 2])}" for i in range(3)]
    tools = ["tools", "view-change", "view-share"]
    assert value["order"] == ["head", *tools, cards[0], pairs[0], cards[1], pairs[1], cards[2], pairs[2], *cards[3:]]
    assert list(value["parts"]) == value["order"]
    assert not value["busy"] and value["announce"] == "Finished: 6 documents, ordered by the student's expected grade."
    json.dumps(value)


def test_the_head_says_what_is_at_work_and_how_long_it_took():
    text = text_of(page_value(view_of(full_ranking(), trained=False))["parts"]["head"])
    assert "Found 7 ms Scored 812 ms Explained 2,310 ms Compared <1 ms Together 3,130 ms" in text
    assert "Corpus Corpus Retriever BM25 Student Student not trained for this: expect poor scores Engine engine" in text
    assert "Judging score, then reason Ordered by the student's expected grade" in text


@pytest.mark.parametrize(
    ("state", "timings", "problems", "settings", "line"),
    [
        ("running", {"retrieve": 5.0}, {}, {}, "Found 5 ms Scored at work Explained to come Compared to come"),
        ("stopped", {"retrieve": 5.0}, {}, {}, "Found 5 ms Scored stopped Explained stopped Compared stopped"),
        ("done", {"retrieve": 5.0, "score": 9.0}, {"score": "No."}, {},
         "Found 5 ms Scored failed Explained not reached Compared not reached"),
        ("running", {"retrieve": 5.0}, {}, {"student": "none"}, "Found 5 ms"),
        ("running", {"retrieve": 5.0, "score": 9.0}, {}, {"explain": 1}, "Found 5 ms Scored 9 ms Explained at work"),
        ("running", {"retrieve": 5.0, "score": 9.0}, {}, {"explain": 0}, "Found 5 ms Scored 9 ms"),
    ],
)  # fmt: skip
def test_stages(state, timings, problems, settings, line):
    ranking = ranking_of(scored(), timings_ms=timings, problems=problems)
    view = view_of(ranking, state, settings=replace(SETTINGS, **settings))
    head = page_value(view)["parts"]["head"]
    stages = head[head.index("<ol") : head.index("</ol>") + 5]
    assert text_of(stages) == line


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        ("score", "Scoring failed. It broke. The list stays in the first stage's order."),
        ("explain", "Explaining failed. It broke. The order and the scores stand."),
        ("compare", "Comparing failed. It broke. The order, the scores and the reasons stand."),
    ],
)
def test_a_failed_stage_leaves_the_rest_standing(stage, sentence):
    value = page_value(view_of(ranking_of(scored(), problems={stage: "It broke."})))
    assert sentence in text_of(value["parts"]["head"])
    assert any(key.startswith("card-") for key in value["order"])


@pytest.mark.parametrize(
    ("view", "sentence"),
    [
        (view_of(ranking_of(order_by="none")), "Nothing in Corpus matches this question. BM25 finds words as they are"),
        (view_of(ranking_of(retriever="dense")), "Nothing in Corpus matches this question. Try other words"),
        (view_of(None, "failed", sentence="The index is damaged."), "The index is damaged."),
        (view_of(None, "running"), "Searching…"),
        (view_of(None, "running", progress=("Building the index", 0.43)), "Building the index 43%"),
    ],
)
def test_no_dead_ends(view, sentence):
    value = page_value(view)
    assert sentence in " ".join(text_of(html) for html in value["parts"].values())


def test_a_long_list_is_folded_after_the_first_twenty():
    documents = [scored(f"d{n}", rank=n, first=n) for n in range(1, VISIBLE + 4)]
    value = page_value(view_of(ranking_of(*documents)))
    rest = [key for key in value["order"] if "data-rest" in value["parts"][key]]
    assert rest == [f"card-{markup.key(f'd{n}')}" for n in range(VISIBLE + 1, VISIBLE + 4)]
    assert text_of(value["parts"]["rest"]) == "Show the other 3 documents"


def test_reason_then_score_awaits_every_reason_and_shows_scores_as_they_come():
    judged = scored("j", rank=1, judgement=Judgement((0.0, 0.0, 1.0), 1.0))
    ranking = ranking_of(judged, scored("w", rank=2), order_by="bm25", timings_ms={"retrieve": 1.0})
    settings = replace(SETTINGS, mode="reason_then_score", explain=1)
    view = view_of(ranking, "running", settings=settings, writing=Writing(("w",), "It tells"))
    parts = page_value(view)["parts"]
    first, second = (text_of(parts[f"card-{markup.key(doc_id)}"]) for doc_id in "jw")
    assert "2.00 of 2" in first and "reason follows" not in first
    assert "Score follows" in second and "Why It tells Being written" in second
    assert "Judging reason, then score Ordered by BM25 score" in text_of(parts["head"])


def test_text_in_the_making_stands_where_it_will_be():
    upper, lower = scored("u", rank=1), scored("l", rank=2)
    ranking = ranking_of(upper, lower)
    reason = page_value(view_of(ranking, "running", writing=Writing(("l",), "So <far>")))
    assert "So <far>" in text_of(reason["parts"][f"card-{markup.key('l')}"])
    compared = page_value(view_of(ranking, "running", writing=Writing(("u", "l"), "{preferred} is")))
    assert "Comparing 1 A title and 2 A title 1 is" in text_of(compared["parts"][f"pair-{markup.key('u', 'l')}"])


def test_the_panel_compares_any_two():
    ranking = ranking_of(scored("u", rank=1), scored("m", rank=2), scored("l", rank=3))
    told = Comparison("u", "l", "{preferred} wins over {other}.", 0.9, (0.9, 0.9), False, True, "ok")
    assert "1 wins over 3." in text_of(comparison_panel(ranking, ("u", "l"), told))
    assert "Comparing 1 A title and 3 A title" in text_of(comparison_panel(ranking, ("u", "l"), None))
    assert "It broke." in text_of(comparison_panel(ranking, ("u", "l"), None, sentence="It broke."))


# -- nothing but text ------------------------------------------------------------------------------------------

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</textarea></button></article><h1>",
    "&lt;b&gt; &amp; &#60;i&#62;",  # already escaped text is shown as it is written
    "<!-- comment --> <![CDATA[ x ]]> <?php ?>",
    "javascript:alert(1)",
    "{preferred} {other} {0} {x.__class__} ${value} {{value}} `x` %s",
    "\u202egnp.exe\u202c \u2066x",  # bidi override and an isolate that is never closed
    "nul \x00 escape \x1b[31m bell \x07",
    "lone surrogate \ud83d end",
    "e\u0301\u0301\u0301 \U000e0041 \ufeff",  # piled accents, tag characters, a byte order mark
]


def hostile_value(text: str) -> dict:
    """Every field that holds text holds the hostile one."""
    evidence = Evidence(text, 0, len(text), 0.9, True)
    reason = DirectReason("truncated", text, "after_score", 2, evidence, text)
    top = ScoredDocument(
        Candidate(Document(text, text * 2, text), 2, 1.0, text, {text: StageScore(2, 1.0)}), 1, 1.0,
        judgement_of(MOTHS), reason,
    )  # fmt: skip
    unverified = replace(reason, evidence=replace(evidence, verified=False))
    low = replace(scored("low", title=text, rank=2, first=1), reason=unverified)
    told = Comparison(text, "low", f"{{preferred}} {text} {{other}}", 0.7, (0.8, 0.6), True, False, "repeated")
    ranking = Ranking(
        Query("", text), text, text, text, text, text, (top, low), (told,), {"retrieve": 1.0},
        {"score": text, "explain": text, "compare": text},
    )  # fmt: skip
    values = [
        page_value(View(1, text, SETTINGS, "done", ranking, trained=False)),
        page_value(View(1, text, SETTINGS, "running", ranking, Writing(("low",), text))),
        page_value(View(1, text, SETTINGS, "running", replace(ranking, comparisons=()), Writing((text, "low"), text))),
        page_value(View(1, text, SETTINGS, "running", progress=(text, 0.5))),
        page_value(View(1, text, SETTINGS, "failed", sentence=text)),
        page_value(View(1, text, SETTINGS, "done", replace(ranking, documents=(), comparisons=()))),
    ]
    parts = {f"{n}-{key}": html for n, value in enumerate(values) for key, html in value["parts"].items()}
    parts["panel"] = comparison_panel(ranking, (text, "low"), told)
    parts["panel writing"] = comparison_panel(ranking, (text, "low"), Writing((text, "low"), text))
    parts["form"] = form.search_form(SETTINGS, [(text, text), (SETTINGS.corpus, text)])
    parts["examples"] = form.examples([Query(text, text)])
    parts["notice"] = form.notice(text)
    return parts


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_nothing_in_a_value_is_more_than_text(text):
    for html in hostile_value(text).values():
        assert_harmless(html)
        html.encode("utf-8")
        assert not any(hidden in html for hidden in "\u202d\u202e\x00\x1b\x07")


def test_text_is_shown_as_it_is_written():
    for text in HOSTILE[:8]:
        shown = read(document_text(Document("a", text), None)).text
        assert shown.startswith(text)


def test_hidden_characters_become_visible_one_for_one():
    assert markup.visible("a\u202eb\x00c\ud83dd\n\té") == "a\ufffdb\ufffdc\ufffdd\n\té"


def test_untrusted_text_keeps_its_direction_to_itself():
    html = card(scored(text="\u2067open isolate", title="\u202bopen embedding"), "bm25")
    for tag, attributes in read(html).tags:
        if tag in ("h3", "code") or attributes.get("class") == "rr-text":
            assert attributes.get("dir") == "auto", f"<{tag}> is not isolated"


# -- the form --------------------------------------------------------------------------------------------------


def test_the_form_starts_from_the_settings():
    settings = replace(SETTINGS, k=15, explain=7, retriever="dense", order="fused", mode="reason_then_score")
    tags = read(form.search_form(settings, [("collection", "Sample"), ("other", "Other")])).tags
    checked = {a["name"]: a["value"] for tag, a in tags if tag == "input" and "checked" in a}
    assert checked == {
        "retriever": "dense", "k": "15", "order": "fused", "mode": "reason_then_score", "explain": "7",
        "query_writing": "no",
    }  # fmt: skip
    assert [a["value"] for tag, a in tags if tag == "option" and "selected" in a] == ["collection"]


@pytest.mark.parametrize("sent", [{}, {"question": "x"}, {"k": "many"}, {"k": None}])
def test_an_incomplete_form_is_refused(sent):
    complete = {"question": "q", "corpus": "c", "retriever": "r", "k": "1", "order": "o", "mode": "m", "explain": "1"}
    with pytest.raises(Exception, match="incomplete"):
        form.Choices.of(sent if len(sent) != 1 or "k" not in sent else {**complete, **sent})
    assert form.Choices.of(complete) == form.Choices("q", "c", "r", 1, "o", "m", 1)


@pytest.mark.parametrize("name", ["reasonrank.uncertainty", "reasonrank.ui.markup", "reasonrank.ui.cards"])
def test_examples_in_the_documentation_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0


def test_evidence_of_the_scripted_reason_is_in_its_text():
    assert EVIDENCE in MOTHS.text
