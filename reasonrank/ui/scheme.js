// Dark before anything is on the screen: Gradio decides the same, but only once it has loaded.
(function () {
  "use strict";

  const asked = new URLSearchParams(window.location.search).get("__theme");
  const system = window.matchMedia("(prefers-color-scheme: dark)");
  const apply = () => document.documentElement.classList.toggle("dark", asked ? asked === "dark" : system.matches);
  system.addEventListener("change", apply);
  apply();
})();
