/* Runs: the list has one menu for all rows, and what stands in it is asked for when it opens. */
(() => {
  "use strict";

  const menu = () => document.getElementById("run-menu");
  const rowMore = (element) => element.closest?.(".row-more[data-menu]");
  let asked = null; // the button whose menu is asked for
  let opener = null; // the button whose menu is open

  async function open(button) {
    asked = button;
    const next = location.pathname + location.search;
    const into = { source: menu(), target: "#run-menu", swap: "innerHTML", values: { next } };
    await htmx.ajax("GET", button.dataset.menu, into);
    const about = menu()?.querySelector("[data-run]");
    if (asked !== button || about?.dataset.run !== button.dataset.run) return; // refused, or another was opened
    opener?.removeAttribute("aria-expanded");
    opener = button;
    if (!menu().matches(":popover-open")) menu().showPopover();
    place(button);
    button.setAttribute("aria-expanded", "true");
    menu().querySelector("a, button").focus();
  }

  function place(button) {
    const box = menu();
    const at = button.getBoundingClientRect();
    const left = Math.max(8, Math.min(at.right - box.offsetWidth, innerWidth - box.offsetWidth - 8));
    const below = at.bottom + 4 + box.offsetHeight < innerHeight;
    const top = below ? at.bottom + 4 : Math.max(8, at.top - box.offsetHeight - 4);
    Object.assign(box.style, { left: `${left}px`, top: `${top}px` });
  }

  document.addEventListener("click", (event) => {
    const button = rowMore(event.target);
    if (button && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
      event.preventDefault();
      open(button);
    } else if (event.target.closest?.("#run-menu a")) {
      menu().hidePopover(); // the focus goes back to the row before a dialog takes it
    }
  });

  /* A row that is drawn anew does not know that its menu stands open. */
  document.addEventListener("htmx:after:swap", () => {
    if (!opener || !menu()?.matches(":popover-open")) return;
    opener = document.getElementById(opener.id) ?? opener;
    opener.setAttribute("aria-expanded", "true");
  });

  /* Two that are chosen can be compared. */
  function offerComparison() {
    const link = document.querySelector("[data-compare]");
    if (!link) return;
    const ids = [...document.querySelectorAll("#runs .pick:checked")].map((pick) => pick.value);
    link.hidden = ids.length !== 2;
    const url = new URL(link.href);
    url.search = new URLSearchParams(ids.map((id) => ["id", id]));
    link.href = url.href;
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches?.(".pick, [data-pick-all]")) setTimeout(offerComparison);
  });

  document.addEventListener("keydown", (event) => {
    const button = rowMore(event.target);
    if (!button || (event.key !== "ArrowDown" && event.key !== " ")) return;
    event.preventDefault();
    open(button);
  });

  document.addEventListener("toggle", (event) => {
    const shown = event.newState === "open" && event.target.matches(".row-menu");
    if (shown) event.target.querySelector("a, button")?.focus();
    if (event.target !== menu() || event.newState !== "closed" || !opener) return;
    opener.removeAttribute("aria-expanded");
    const lost = document.activeElement === document.body || menu().contains(document.activeElement);
    if (lost && opener.isConnected) opener.focus();
  }, true);
})();
