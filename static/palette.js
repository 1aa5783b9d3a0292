/* Ctrl K, or ⌘ K: one field that finds everything, goes there or does it, by keyboard alone. */
(() => {
  "use strict";

  const palette = document.getElementById("palette");
  if (!palette) return;
  const text = document.getElementById("palette-text");
  const found = document.getElementById("palette-found");
  const options = () => [...found.querySelectorAll("[role=option]")];
  let chosen = null;

  function choose(option) {
    chosen?.setAttribute("aria-selected", "false");
    chosen = option || null;
    if (!chosen) return text.removeAttribute("aria-activedescendant");
    chosen.setAttribute("aria-selected", "true");
    chosen.scrollIntoView({ block: "nearest" });
    text.setAttribute("aria-activedescendant", chosen.id);
  }

  function open() {
    if (palette.open) return palette.close();
    if (document.querySelector("dialog[open]")) return;
    document.querySelector(".menu:popover-open")?.hidePopover();
    palette.showModal();
    text.select();
    htmx.trigger(text, "open", {}, false);
  }

  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.shiftKey || event.key.toLowerCase() !== "k") return;
    event.preventDefault();
    open();
  });
  document.querySelector("[data-opens=palette]")?.addEventListener("click", (event) => {
    event.preventDefault();
    open();
  });

  text.addEventListener("keydown", (event) => {
    const all = options();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" && !event.isComposing) {
      event.preventDefault(); // else a search field is emptied first
      palette.close();
    } else if (step && all.length > 0) {
      event.preventDefault();
      choose(all[(all.indexOf(chosen) + step + all.length) % all.length]);
    } else if (event.key === "Enter" && !event.isComposing) {
      event.preventDefault();
      if (text.dataset.shown === text.value) chosen?.click();
      else text.dataset.goes = "1"; // typed faster than it was found: go when it is
    }
  });
  text.addEventListener("input", () => { delete text.dataset.goes; });
  found.addEventListener("pointermove", (event) => {
    const option = event.target.closest("[role=option]");
    if (option && option !== chosen) choose(option);
  });
  palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });

  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    if (ctx.sourceElement === text) ctx.askedFor = text.value;
  });
  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx.sourceElement !== text) return;
    text.dataset.shown = event.detail.ctx.askedFor;
    choose(options()[0]);
    if (text.dataset.goes && text.dataset.shown === text.value) chosen?.click();
  });
})();
