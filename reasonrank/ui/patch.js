// Brings what is on the page in step with HTML in keyed parts, touching only what changed: opened details, folds,
// focus, selection and the scroll position stay as the reader left them.
(function () {
  "use strict";

  const MOVE_MS = 420;
  const applied = new WeakMap(); // element -> the HTML it was last brought in step with

  function parse(html) {
    const template = document.createElement("template");
    template.innerHTML = html;
    return template.content.firstElementChild;
  }

  // What the reader or the page's own script changes, which new HTML must not undo.
  function isReaders(element, name) {
    return (
      (name === "open" && element.nodeName === "DETAILS") ||
      (name === "class" && element.classList.contains("rr-text")) ||
      (name === "aria-pressed" && element.classList.contains("rr-pick")) ||
      (name === "aria-expanded" && element.classList.contains("rr-tool")) ||
      (name === "hidden" && element.classList.contains("rr-view"))
    );
  }

  function kind(node) {
    if (node.nodeType !== Node.ELEMENT_NODE) return node.nodeName;
    const data = node.dataset || {};
    return node.nodeName + "|" + (data.stage || (node.getAttribute("class") || "").split(" ")[0]);
  }

  function morph(old, fresh) {
    if (old.isEqualNode(fresh)) return;
    if (old.nodeType !== Node.ELEMENT_NODE) {
      if (old.nodeValue !== fresh.nodeValue) old.nodeValue = fresh.nodeValue;
      return;
    }
    if (old.classList.contains("rr-fold")) return;
    for (const { name } of Array.from(old.attributes)) {
      if (!fresh.hasAttribute(name) && !isReaders(old, name)) old.removeAttribute(name);
    }
    for (const { name, value } of Array.from(fresh.attributes)) {
      if (old.getAttribute(name) !== value && !isReaders(old, name)) old.setAttribute(name, value);
    }
    morphChildren(old, fresh);
  }

  function morphChildren(old, fresh) {
    let cursor = old.firstChild;
    for (const child of Array.from(fresh.childNodes)) {
      let match = cursor;
      while (match && kind(match) !== kind(child)) match = match.nextSibling;
      if (!match) {
        old.insertBefore(child, cursor);
        continue;
      }
      while (cursor !== match) {
        const gone = cursor;
        cursor = cursor.nextSibling;
        gone.remove();
      }
      cursor = match.nextSibling;
      morph(match, child);
    }
    while (cursor) {
      const gone = cursor;
      cursor = cursor.nextSibling;
      gone.remove();
    }
  }

  function tops(list) {
    const known = new Map();
    for (const element of list.children) {
      if (element.classList.contains("rr-card")) known.set(element, element.getBoundingClientRect().top);
    }
    return known;
  }

  function glide(before) {
    if (window.matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const [element, top] of before) {
      if (!element.isConnected) continue;
      const now = element.getBoundingClientRect().top;
      const seen = Math.min(top, now) < window.innerHeight && Math.max(top, now) > 0;
      if (!seen || Math.abs(top - now) < 2) continue;
      element.animate([{ transform: `translateY(${top - now}px)` }, { transform: "none" }], {
        duration: MOVE_MS,
        easing: "cubic-bezier(.2, .7, .2, 1)",
      });
    }
  }

  function place(list, element, before) {
    if (element.nextSibling === before && element.parentNode === list) return;
    // moveBefore keeps focus and running animations; older browsers lose only those.
    if (list.moveBefore && element.parentNode === list) list.moveBefore(element, before);
    else list.insertBefore(element, before);
  }

  // The list's children become value.parts in value.order, then those of `kept`, which stay as they are.
  // Returns the elements that changed.
  function patch(list, value, kept = []) {
    const known = new Map(Array.from(list.children).map((element) => [element.dataset.part, element]));
    const changed = [];
    const focused = document.activeElement;
    const cards = (elements) => elements.filter((key) => key.startsWith("card-")).join();
    const moves = cards(Array.from(known.keys())) !== cards(value.order);
    const before = moves ? tops(list) : new Map();
    const scroll = window.scrollY;

    for (const key of value.order) {
      const html = value.parts[key];
      let element = known.get(key);
      if (element && applied.get(element) === html) continue;
      const fresh = parse(html);
      if (element && element.nodeName === fresh.nodeName) {
        fresh.dataset.part = key;
        morph(element, fresh);
      } else {
        fresh.dataset.part = key;
        if (element) element.replaceWith(fresh);
        else list.append(fresh);
        known.set(key, fresh);
        element = fresh;
      }
      applied.set(element, html);
      changed.push(element);
    }
    for (const [key, element] of known) {
      if (!(key in value.parts) && !kept.includes(element)) element.remove();
    }
    let next = null;
    for (const element of [...value.order.map((key) => known.get(key)), ...kept].reverse()) {
      place(list, element, next);
      next = element;
    }
    if (moves) {
      if (window.scrollY !== scroll) window.scrollTo({ top: scroll, behavior: "instant" });
      glide(before);
    }
    if (focused && focused !== document.activeElement && focused.isConnected) focused.focus({ preventScroll: true });
    return changed;
  }

  window.reasonrank = Object.assign(window.reasonrank || {}, { patch });
})();
