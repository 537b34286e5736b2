// Links that ask a question again, copying, and files that the server made.
(function () {
  "use strict";

  const rr = (window.reasonrank = window.reasonrank || {});
  const CHOICES = ["corpus", "retriever", "k", "order", "mode", "explain", "query_writing"];
  const KEPT_MS = 60000;

  // The form as the page's address asks for it; what is not on offer stays as it is. Returns the question, if any,
  // and the search queries that go along.
  rr.takeLink = function (form) {
    const asked = new URLSearchParams(window.location.search);
    for (const name of CHOICES) {
      const field = form.elements[name];
      const value = asked.get(name);
      if (value === null || !field) continue;
      const offered = Array.from(field.options || field, (one) => one.value);
      if (offered.includes(value)) field.value = value;
    }
    return { question: asked.get("q") || "", also: asked.getAll("also") };
  };

  // The address follows the question, so that reloading asks it again; other parts of the address stay.
  rr.remember = function (link) {
    const address = new URL(window.location.href);
    for (const name of ["q", "also", ...CHOICES]) address.searchParams.delete(name);
    for (const [name, value] of new URLSearchParams(link)) address.searchParams.append(name, value);
    if (address.href !== window.location.href) window.history.replaceState(window.history.state, "", address);
  };

  rr.fillLinks = function (list) {
    for (const box of list.querySelectorAll(".rr-link-box")) {
      box.value = `${window.location.origin}${window.location.pathname}?${box.dataset.query}`;
    }
  };

  rr.copy = async function (button) {
    const source = button.parentElement.querySelector("input, pre");
    const told = button.dataset.told || (button.dataset.told = button.textContent);
    try {
      await navigator.clipboard.writeText(source.value || source.textContent);
      button.textContent = "Copied";
    } catch {
      // Without leave to write the clipboard, the text is at least selected.
      if (source.select) source.select();
      else window.getSelection().selectAllChildren(source);
      button.textContent = "Press Ctrl+C to copy";
    }
    setTimeout(() => (button.textContent = told), 2500);
  };

  rr.attachFiles = function (element, props, watch) {
    watch("value", () => {
      const file = props.value;
      if (!file || !file.name) return;
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([file.text], { type: `${file.mime};charset=utf-8` }));
      link.download = file.name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), KEPT_MS);
    });
  };
})();
