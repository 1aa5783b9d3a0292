/* A queue's line: rows are dragged to a place, moved by keys and by their menu. The server's order always wins. */
(() => {
  "use strict";

  const menu = document.getElementById("queue-menu");
  const rowOf = (element) => element?.closest?.("#line-rows tr[data-id]");
  const lines = () => [...document.querySelectorAll("#line-rows tr[data-id]")];
  const region = () => document.getElementById("queue");
  const form = () => document.getElementById("row-form");
  let row = null; // the id of the row whose menu is open
  let focused = null; // what to focus again after a change: id of the row, its place, and what it was in it
  let drag = null;

  /* One change: the answer is the whole queue as it is then, with what is told about it. */

  function act(address, values) {
    const active = document.activeElement;
    const part = [".pick", ".task-name", ".row-more"].find((selector) => active?.matches(selector));
    if (rowOf(active)) focused = [rowOf(active).dataset.id, lines().indexOf(rowOf(active)), part || ".row-more"];
    active?.blur?.(); // a row that has the focus is left as it is
    const headers = { "HX-Target": "div#queue" }; // htmx.ajax names the form here, which is the source
    htmx.ajax("POST", address, { source: form(), target: "#queue", swap: "outerMorph", values, headers });
  }

  function look(query) {
    const address = new URL(region().getAttribute("hx-get"), location.href);
    address.searchParams.delete("version");
    if (!region().dataset.queue) query = {}; // of another app: there is no run to look at beside the line
    for (const [name, value] of Object.entries(query)) {
      if (value) address.searchParams.set(name, value);
      else address.searchParams.delete(name);
    }
    const shown = new URL(address);
    shown.pathname = shown.pathname.replace(/\/live$/, "");
    shown.searchParams.delete("hint");
    if (region().dataset.queue) history.replaceState(history.state, "", shown);
    const asked = address.pathname + address.search;
    htmx.ajax("GET", asked, { source: document.body, target: "#queue", swap: "outerMorph" });
  }

  const about = (element) => ({ id: element.dataset.id, hint: element.dataset.position });

  document.addEventListener("htmx:after:swap", (event) => {
    if (event.detail.ctx.target?.id !== "queue") return;
    letRowsBeDragged();
    if (!focused) return;
    const [id, place, part] = focused;
    focused = null;
    const next = document.getElementById(`wait-${id}`) ?? lines()[place] ?? lines().at(-1); // it went: what is there now
    (next?.querySelector(part) ?? document.getElementById("main")).focus();
  });

  /* A refused change: the line is not what the page shows. */
  document.addEventListener("htmx:response:error", (event) => {
    if (event.detail.ctx.sourceElement === form()) look({});
  });

  /* While a row is dragged or its menu is open nothing moves; rows that went meanwhile pale. */

  const isPoll = (event) => event.detail.ctx.sourceElement === region();
  const inHand = () => drag || menu?.matches(":popover-open");
  document.addEventListener("htmx:before:request", (event) => {
    if (isPoll(event) && inHand()) event.preventDefault();
  });
  document.addEventListener("htmx:before:swap", (event) => {
    if (!isPoll(event)) return;
    if (inHand()) { event.preventDefault(); return; }
    if (!event.detail.ctx.held) return;
    const kept = new Set(event.detail.tasks.map((task) => task.target));
    for (const one of document.querySelectorAll("#line-rows tr[data-id]")) one.classList.toggle("gone", !kept.has(one));
  });

  /* The menu. */

  function openMenu(button) {
    row = rowOf(button).dataset.id;
    for (const one of menu.querySelectorAll("[data-priority]")) {
      one.setAttribute("aria-pressed", String(one.dataset.priority === rowOf(button).dataset.priority));
    }
    menu.showPopover();
    const place = button.getBoundingClientRect();
    const left = Math.max(8, Math.min(place.right - menu.offsetWidth, innerWidth - menu.offsetWidth - 8));
    const below = place.bottom + 4 + menu.offsetHeight < innerHeight;
    const wanted = below ? place.bottom + 4 : Math.max(8, place.top - menu.offsetHeight - 4);
    const top = Math.min(wanted, Math.max(8, innerHeight - menu.offsetHeight - 8));
    Object.assign(menu.style, { left: `${left}px`, top: `${top}px` });
    menu.querySelector("button").focus();
  }

  menu?.addEventListener("toggle", (event) => {
    if (event.newState === "closed" && document.activeElement === document.body) {
      document.getElementById(`wait-${row}`)?.querySelector(".row-more")?.focus();
    }
  });

  function choose(entry, element) {
    const { to, step, priority, queue, address, ask, action } = entry.dataset;
    menu.hidePopover();
    if ("why" in entry.dataset) { look({ run: element.dataset.id, hint: element.dataset.position }); return; }
    if (ask) {
      const values = { ...about(element), ...(action ? { action } : {}) };
      htmx.ajax(action ? "POST" : "GET", ask, { source: form(), target: "#dialog", values });
      return;
    }
    const given = Object.entries({ to, step, priority, queue }).filter(([, value]) => value);
    act(address || form().action, { ...about(element), ...Object.fromEntries(given) });
  }

  document.addEventListener("click", (event) => {
    const entry = event.target.closest("#queue-menu button");
    const current = entry && document.getElementById(`wait-${row}`);
    if (current) { choose(entry, current); return; }
    const more = event.target.closest(".row-more");
    if (more && menu) {
      event.preventDefault();
      openMenu(more);
      return;
    }
    const clicked = rowOf(event.target) || event.target.closest("#held li[data-id]");
    const selected = getSelection();
    if (!clicked || !region().dataset.queue || event.target.closest("a, button, input, label, form") || !selected.isCollapsed) return;
    look({ run: clicked.classList.contains("selected") ? "" : clicked.dataset.id, hint: clicked.dataset.position });
  });

  /* Keys, while a row or its menu has the focus. */

  document.addEventListener("keydown", (event) => {
    const element = menu?.contains(event.target) ? document.getElementById(`wait-${row}`) : rowOf(event.target);
    if (!element || !menu || event.ctrlKey || event.metaKey) return;
    const step = { ArrowUp: "up", ArrowDown: "down" }[event.key];
    const single = document.documentElement.dataset.keys !== "off" && /^[tbh]$/i.test(event.key);
    const entry = event.altKey
      ? step && menu.querySelector(`[data-step=${step}]`)
      : single && menu.querySelector(`[data-key=${event.key.toLowerCase()}]`);
    if (!entry) return;
    event.preventDefault();
    if (!event.repeat || event.altKey) choose(entry, element);
  });

  /* Dragging: the row is lifted, its old place stays paler, a line shows where it would stand. */

  const marker = Object.assign(document.createElement("div"), { className: "drop-line", hidden: true });
  marker.append(document.createElement("span"));

  function letRowsBeDragged() {
    const body = document.getElementById("line-rows");
    if (!body || !menu || body.sortable) return;
    body.sortable = Sortable.create(body, {
      handle: ".grip",
      draggable: "tr[data-id]",
      forceFallback: true,
      fallbackTolerance: 3,
      ghostClass: "drag-origin",
      fallbackClass: "drag-lift",
      delay: 120,
      delayOnTouchOnly: true,
      onMove: () => false, // the list itself stays as it is
      onStart: start,
      onEnd: end,
    });
  }

  function start(event) {
    drag = { row: event.item, place: null };
    const clone = document.querySelector("#line-rows .drag-lift");
    for (const [index, cell] of [...(clone?.cells ?? [])].entries()) {
      cell.style.width = `${event.item.cells[index].offsetWidth}px`;
    }
    document.getElementById("line").append(marker);
    addEventListener("pointermove", follow);
    addEventListener("keydown", cancel, true);
  }

  function end() {
    const { row: element, place } = drag;
    drag = null;
    marker.hidden = true;
    removeEventListener("pointermove", follow);
    removeEventListener("keydown", cancel, true);
    if (!place) return;
    element.classList.add("pending");
    if (place.next) place.next.before(element);
    else place.previous.after(element);
    const side = place.after ? { after: place.previous.dataset.id } : { before: place.next.dataset.id };
    act(form().action, { ...about(element), ...side });
  }

  function cancel(event) {
    if (event.key !== "Escape" || !drag) return;
    drag.cancelled = true;
    drag.place = null;
    marker.hidden = true;
  }

  function follow(event) {
    if (!drag || drag.cancelled) return;
    const rows = [...document.querySelectorAll("#line-rows tr[data-id]:not(.drag-lift)")];
    const below = rows.findIndex((one) => {
      const { top, height } = one.getBoundingClientRect();
      return event.clientY < top + height / 2;
    });
    const at = below < 0 ? rows.length : below;
    const [previous, next] = [rows[at - 1], rows[at]];
    drag.place = previous === drag.row || next === drag.row ? null : placeBetween(previous, next);
    marker.hidden = !drag.place;
    if (drag.place) showMarker(drag.place, next || previous, !next);
  }

  /* It keeps its priority where that fits between the two, else takes the nearer: beside that one it is put. */
  function placeBetween(previous, next) {
    const number = (one, name) => Number(one.dataset[name]);
    const [own, position] = [number(drag.row, "priority"), number(drag.row, "position")];
    const after = previous && (!next || own >= number(previous, "priority"));
    const priority = number(after ? previous : next, "priority");
    const at = next
      ? number(next, "position") - (position < number(next, "position") ? 1 : 0)
      : number(previous, "position") + (position > number(previous, "position") ? 1 : 0);
    return { previous, next, after, at, changes: priority !== own, priority };
  }

  function showMarker(place, beside, below) {
    const card = document.getElementById("line").getBoundingClientRect();
    const edge = beside.getBoundingClientRect();
    const words = document.getElementById("line-rows").dataset;
    const text = place.changes ? words.dropPriority : words.drop;
    marker.style.top = `${(below ? edge.bottom : edge.top) - card.top}px`;
    marker.firstChild.textContent = text.replace("{position}", place.at).replace("{priority}", place.priority);
  }

  /* Purge: the button waits for the name. */

  function checkTyped(scope) {
    for (const asked of scope.querySelectorAll("form[data-typed]")) {
      asked.querySelector("button.danger").disabled = asked.elements.name.value !== asked.dataset.typed;
    }
  }
  document.addEventListener("input", (event) => {
    if (event.target.closest("form[data-typed]")) checkTyped(document);
  });
  document.addEventListener("htmx:after:swap", () => checkTyped(document));

  letRowsBeDragged();
  checkTyped(document);
})();
