"use strict";
// Text from the set becomes text nodes, never markup. What was done is a list of events that only grows.
const data = JSON.parse(document.getElementById("data").textContent);
const root = document.getElementById("review");
const SCALES = { correct: "Correct?", supported: "Supported by the text?", complete: "Complete?" };
const GRADES = ["0 not", "1 partly", "2 fully"];
const STEPS = ["0 no", "1 partly", "2 yes"];
const KEYS = "0 1 2 answer · ← → = choose a side · Enter submit and next · S skip · U undo · J later · K earlier · " +
  "E correct the reason · M mark the selected words as wrong · G guideline · D download";
let name = localStorage.getItem("reasonrank-review-name") || "";
let place = 0;
let draft = {};
let shownAt = performance.now();
let message = "";

const storeKey = () => `reasonrank-review:${data.set.set_id}:${name}`;
const load = () => JSON.parse(localStorage.getItem(storeKey()) || "[]");
let events = load();

function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key in element && key !== "list") element[key] = value;
    else element.setAttribute(key, value);
  }
  element.append(...children);
  return element;
}

const gone = () => new Set(events.map((event) => event.undoes).filter(Boolean));
function standing(item, actions = ["judge", "skip"]) {
  const back = gone();
  return events.filter((e) => e.item_id === item.item_id && actions.includes(e.action) && !back.has(e.event_id)).at(-1);
}
const seen = (item) => events.some((e) => e.item_id === item.item_id && ["grade", "judge"].includes(e.action));
const revealed = (item) => !data.set.blind_first || seen(item);
function sides(item) {
  const ids = item.content.documents.map((document) => document.doc_id);
  let hash = 2166136261;
  for (const unit of item.item_id + "\0" + name) hash = Math.imul(hash ^ unit.codePointAt(0), 16777619);
  return ((hash >>> 16) & 1) ? [ids[1], ids[0]] : ids;
}

function questions(item) {
  const open = revealed(item);
  if (item.kind === "document") return ["grade"];
  if (item.kind === "reason") return open ? ["grade", ...Object.keys(SCALES)] : ["grade"];
  return open && item.content.comparison.text.trim() ? ["preferred", "reason_right"] : ["preferred"];
}
const current = (item) => questions(item).find((question) => draft[question] === undefined);

function append(item, action, value, undoes = null) {
  const half = (of) => JSON.stringify([of?.grade ?? null, of?.preferred ?? null]);
  const first = events.find((e) => e.item_id === item.item_id && ["grade", "judge"].includes(e.action));
  events.push({
    type: "event", event_id: crypto.randomUUID(), item_id: item.item_id, annotator: name, action, value, undoes,
    seconds: action === "undo" ? null : Math.round((performance.now() - shownAt) / 100) / 10,
    guideline_version: data.guidelines[item.kind].version,
    blind: ["grade", "judge"].includes(action) && data.set.blind_first && (!first || half(first.value) === half(value)),
    source: "offline", at: Date.now() / 1000,
  });
  localStorage.setItem(storeKey(), JSON.stringify(events));
}

function open(index) {
  place = Math.max(0, Math.min(data.items.length - 1, index));
  const item = data.items[place];
  draft = { ...(standing(item, ["grade"])?.value || {}), ...(standing(item, ["judge"])?.value || {}) };
  shownAt = performance.now();
  draw();
}
const firstOpen = (from = 0) => data.items.findIndex((item, index) => index >= from && !standing(item));

function submit() {
  const item = data.items[place];
  if (current(item)) { message = "Answer the marked question first."; return draw(); }
  const value = { ...draft };
  if (item.kind === "pair") [value.left_id, value.right_id] = sides(item);
  message = "";
  const blindHalf = !revealed(item) && (item.kind === "reason" ||
    (item.kind === "pair" && item.content.comparison.text.trim()));
  if (blindHalf) {
    const { grade, preferred, left_id, right_id } = value;
    append(item, "grade", item.kind === "pair" ? { preferred, left_id, right_id } : { grade });
    return draw();
  }
  if (item.kind === "pair") value.reason_right ??= null;
  append(item, "judge", value);
  next();
}
function next() {
  const later = firstOpen(place + 1);
  const found = later >= 0 ? later : firstOpen();
  if (found < 0) message = "Everything is judged. Download your judgements (D).";
  open(found < 0 ? place : found);
}
function skip() {
  const reason = (prompt("Why do you skip this?") || "").trim();
  if (reason) { append(data.items[place], "skip", { reason }); next(); }
}
function undo() {
  const back = gone();
  const last = events.filter((e) => e.action !== "undo" && !back.has(e.event_id)).at(-1);
  if (!last) { message = "There is nothing to take back."; return draw(); }
  const index = data.items.findIndex((item) => item.item_id === last.item_id);
  append(data.items[index], "undo", null, last.event_id);
  message = "Taken back.";
  open(index);
}
function download() {
  const text = events.map((event) => JSON.stringify(event) + "\n").join("");
  const url = URL.createObjectURL(new Blob([text], { type: "application/jsonl" }));
  const file = `${data.set.name}-${name}`.replace(/[^\p{L}\p{N}_-]+/gu, "-");
  make("a", { href: url, download: `${file}.jsonl` }).click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}
function answer(question, value) {
  draft[question] = value;
  message = "";
  draw();
}

// Ranges are in code points, as the database keeps them; strings here are in UTF-16 units.
function marked(text, ranges, kind) {
  const points = [...text];
  const parts = [];
  let from = 0;
  for (const [start, end] of ranges) {
    parts.push(points.slice(from, start).join(""), make("mark", { className: kind }, points.slice(start, end).join("")));
    from = end;
  }
  return [...parts, points.slice(from).join("")];
}
function markSelection() {
  const holder = document.getElementById("reason");
  const selection = getSelection();
  if (!holder || !selection.rangeCount || selection.isCollapsed) return;
  const range = selection.getRangeAt(0);
  if (!holder.contains(range.startContainer) || !holder.contains(range.endContainer)) return;
  const before = document.createRange();
  before.setStart(holder, 0);
  before.setEnd(range.startContainer, range.startOffset);
  const start = [...before.toString()].length;
  const span = [start, start + [...range.toString()].length];
  const others = (draft.wrong_spans || []).filter(([from, to]) => to <= span[0] || from >= span[1]);
  answer("wrong_spans", [...others, span].sort((a, b) => a[0] - b[0]));
}

function choice(item, question, legend, labels, values, keys) {
  const buttons = labels.map((label, index) => make("button", {
    type: "button", "aria-pressed": String(draft[question] === values[index]),
    onclick: () => answer(question, values[index]),
  }, label + " ", make("kbd", {}, keys[index])));
  return make("fieldset", { className: current(item) === question ? "now" : "" }, make("legend", {}, legend), ...buttons);
}
function documentText(document, evidence) {
  const ranges = evidence ? [[evidence.start, evidence.end]] : [];
  return make("div", { className: "text" }, make("strong", {}, document.title || ""), document.title ? "\n" : "",
    ...marked(document.text, ranges, ""));
}
function studentPart(item) {
  if (!revealed(item)) return [];
  if (item.kind === "pair") {
    const [left] = sides(item), comparison = item.content.comparison;
    const side = (id) => (id === left ? "the left one" : "the right one");
    const text = comparison.text.split("{preferred}").map((part) => part.replaceAll("{other}", side(comparison.other_id)))
      .join(side(comparison.preferred_id));
    return [make("div", { className: "answer" }, `The student prefers ${side(comparison.preferred_id)}: ${text}`)];
  }
  const student = item.content.student;
  const parts = student && seen(item)
    ? [make("p", { className: "quiet" }, `The student says ${student.label} (expected grade ${student.score.toFixed(2)}).`)]
    : [];
  if (item.kind === "reason") {
    parts.push(make("div", { className: "answer", id: "reason" },
      ...marked(item.content.reason.text, draft.wrong_spans || [], "wrong")));
  }
  return parts;
}
function controls(item) {
  const asked = questions(item).map((question) => {
    if (question === "preferred") {
      return choice(item, question, "Which answers the question better?", ["Left", "Equal", "Right"],
        ["left", "equal", "right"], ["←", "=", "→"]);
    }
    if (question === "grade") return choice(item, question, "How well does it answer?", GRADES, [0, 1, 2], [0, 1, 2]);
    const legend = question === "reason_right" ? "Is the comparison right?" : SCALES[question];
    return choice(item, question, legend, STEPS, [0, 1, 2], [0, 1, 2]);
  });
  if (item.kind === "reason" && revealed(item)) {
    asked.push(make("label", {}, "Corrected reason, if it needs one ", make("kbd", {}, "E"), make("textarea", {
      id: "corrected", rows: 2, maxLength: 4000, value: draft.corrected || "",
      oninput: (event) => { draft.corrected = event.target.value; },
    })));
  }
  return asked;
}
function draw() {
  const item = data.items[place];
  const done = data.items.filter((entry) => standing(entry)).length;
  const seconds = data.items.map((entry) => standing(entry, ["judge"])?.seconds).filter((s) => s != null).sort((a, b) => a - b);
  const median = seconds.length ? `, median ${seconds[Math.floor((seconds.length - 1) / 2)]} s` : "";
  const mine = standing(item);
  const documents = item.kind === "pair"
    ? [make("div", { className: "pair" }, ...sides(item).map((id) =>
        documentText(item.content.documents.find((document) => document.doc_id === id))))]
    : [documentText(item.content.document, revealed(item) && item.content.reason?.evidence)];
  const button = (label, key, onclick) => make("button", { type: "button", onclick }, label + " ", make("kbd", {}, key));
  root.replaceChildren(
    make("header", {}, make("h1", {}, data.set.name),
      make("label", {}, "Your name ", make("input", { id: "name", value: name, maxLength: 80, onchange: rename })),
      make("span", { id: "progress" }, `${done} of ${data.items.length} done${median}`)),
    make("p", { role: "status", id: "message" }, message),
    ...(name ? [
      make("h2", {}, item.query), ...documents, ...studentPart(item), ...controls(item),
      make("p", { className: "quiet" }, mine ? (mine.action === "skip" ? "You skipped this." : "You judged this.") : ""),
      make("footer", {}, button("Submit and next", "Enter", submit), button("Skip", "S", skip), button("Undo", "U", undo),
        button("Earlier", "K", () => open(place - 1)), button("Later", "J", () => open(place + 1)),
        button("Download judgements", "D", download)),
      make("details", { id: "guideline" }, make("summary", {}, "Guideline ", make("kbd", {}, "G")),
        make("pre", {}, data.guidelines[item.kind].text)),
      make("p", { className: "quiet" }, KEYS),
    ] : [make("p", {}, "Type your name, then press Enter. Your work is kept in this browser until you download it.")]),
  );
}
function rename(event) {
  name = event.target.value.trim().normalize("NFC");
  localStorage.setItem("reasonrank-review-name", name);
  events = load();
  open(Math.max(0, firstOpen()));
}

const ACTIONS = {
  Enter: submit, s: skip, u: undo, j: () => open(place + 1), k: () => open(place - 1), d: download, m: markSelection,
  e: () => document.getElementById("corrected")?.focus(),
  g: () => { const guideline = document.getElementById("guideline"); guideline.open = !guideline.open; },
  ArrowLeft: () => side("left"), ArrowRight: () => side("right"), "=": () => side("equal"),
};
function side(value) {
  if (data.items[place].kind === "pair") answer("preferred", value);
}
document.addEventListener("keydown", (event) => {
  const typing = event.target.matches("input, textarea");
  if (typing && event.key === "Escape") event.target.blur();
  if (typing || !name || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === "Enter" && event.target.matches("button, summary")) return;
  const question = current(data.items[place]);
  if (["0", "1", "2"].includes(event.key) && question && question !== "preferred") answer(question, Number(event.key));
  else if (ACTIONS[event.key] || ACTIONS[event.key.toLowerCase()]) (ACTIONS[event.key] || ACTIONS[event.key.toLowerCase()])();
  else return;
  event.preventDefault();
});
open(Math.max(0, firstOpen()));
