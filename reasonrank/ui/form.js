// The form: what it sends, how it grows with the question, example questions, and choosing a file.
(function () {
  "use strict";

  const rr = (window.reasonrank = window.reasonrank || {});

  rr.attachForm = function (element, props, watch, trigger) {
    const host = element.querySelector(".rr-form-host");
    host.innerHTML = props.value.form;
    const form = host.querySelector("form");
    const question = form.elements.question;
    let also = []; // search queries that a link brought along, for the one question that it asks

    form.addEventListener("submit", (event) => {
      event.preventDefault();
      form.querySelector(".rr-own").open = false;
      const asked = Object.fromEntries(new FormData(form));
      if (also.length) asked.queries = also;
      also = [];
      trigger("search", asked);
    });
    question.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    question.addEventListener("input", () => grow(question));
    // The lines break elsewhere where the box is narrower, and when the page's own font has come.
    new ResizeObserver(() => grow(question)).observe(question.parentElement);
    document.fonts.addEventListener("loadingdone", () => grow(question));
    form.elements.corpus.addEventListener("change", () => trigger("choose", { corpus: form.elements.corpus.value }));
    form.querySelector(".rr-upload").addEventListener("click", () => {
      const upload = document.querySelector("#rr-upload button, button#rr-upload");
      if (upload) upload.click();
    });
    form.querySelector(".rr-use").addEventListener("click", () => {
      trigger("paste", { text: document.getElementById("rr-paste").value });
    });
    rr.ask = (text) => {
      question.value = text;
      grow(question);
      form.requestSubmit();
    };
    watch("value", () => offer(form.elements.corpus, props.value.corpora, props.value.chosen));
    if (window.matchMedia("(pointer: fine)").matches) question.focus({ preventScroll: true });
    const asked = rr.takeLink(form);
    trigger("choose", { corpus: form.elements.corpus.value });
    also = asked.also;
    if (asked.question) rr.ask(asked.question);
  };

  function grow(box) {
    box.style.height = "auto";
    box.style.height = `${box.scrollHeight}px`;
  }

  // Corpora that came later: the visitor's own files.
  function offer(list, corpora, chosen) {
    list.replaceChildren(...corpora.map(([value, told]) => new Option(told, value, false, value === chosen)));
  }

  rr.attachExamples = function (element) {
    element.addEventListener("click", (event) => {
      const button = event.target.closest(".rr-example");
      if (button) rr.ask(button.dataset.question);
    });
  };

  // "/" goes to the question from anywhere, unless something is being typed.
  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^(INPUT|TEXTAREA|SELECT)$/.test(document.activeElement.nodeName)) return;
    const box = document.getElementById("rr-question");
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
})();
