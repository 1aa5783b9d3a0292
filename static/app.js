/* What pages do beyond links and forms: live parts that hold still, dialogs, toasts, and small helps. */
(() => {
  "use strict";

  const root = document.documentElement;
  const words = JSON.parse(root.dataset.words || "{}");
  const [arrival] = performance.getEntriesByType("navigation");
  const heardAt = arrival ? performance.timeOrigin + arrival.responseStart : Date.now(); // not when this was read
  const clockSkew = Date.parse(root.dataset.now) - heardAt; // times are the server's
  root.classList.add("js");

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.split("; ").includes(`timezone=${zone}`)) {
    document.cookie = `timezone=${zone}; path=/; max-age=31536000; samesite=lax`;
  }

  /* Live: every [data-live] region asks each 2 s, the sidebar's each 10 s (its hx-trigger). Updates never touch
     a [data-still] part that has the focus or a selection. In a list, rows neither come, go nor move while
     somebody points at it, works in it or has scrolled it: they change in place, and a bar counts the newer ones. */

  const STOPPED_AFTER = 15_000;
  const IDLE_AFTER = 300_000;
  const ACTIVE_FOR = 60_000;
  const pill = document.querySelector(".live");
  const stale = new WeakSet(); // regions that show less than the last answer held
  let paused = sessionStorage.getItem("live-paused") === "1";
  let freshAt = Date.now();
  let activeAt = Date.now();
  let asked = 0;

  const regions = () => document.querySelectorAll("[data-live]");
  const isLive = (element) => element?.matches?.("[data-live]");
  const isFrame = (element) => element?.dataset?.live === "frame";
  const isEnds = (element) => element?.dataset?.live === "ends"; // static/run-ends.js tells what it holds
  const ofPage = () => [...regions()].filter((region) => !isFrame(region) && !isEnds(region));

  function inHand(part) {
    const selection = getSelection();
    const focused = document.activeElement;
    return (
      (part.contains(focused) && focused.matches(":focus-visible, input, textarea, select")) ||
      (selection.rangeCount > 0 && !selection.isCollapsed && selection.containsNode(part, true)) ||
      part.querySelector(":popover-open, details.menu-holder[open], .pick:checked") !== null
    );
  }

  function mustHold(region) {
    const pointedAt = matchMedia("(hover: hover)").matches && region.matches(":hover");
    return pointedAt || inHand(region) || region.getBoundingClientRect().top < 0;
  }

  document.addEventListener("htmx:config:request", (event) => {
    const { ctx } = event.detail;
    const region = ctx.sourceElement;
    if (Date.now() - activeAt < ACTIVE_FOR) ctx.request.headers["X-Active"] = "1"; // else a session grows old
    if (!isLive(region)) return;
    ctx.held = region.dataset.live === "list" && !region.released && mustHold(region);
    region.released = false;
    if (ctx.held && region.dataset.top) ctx.request.body.set("top", region.dataset.top);
    if (stale.has(region)) ctx.request.body.set("version", "");
  });

  document.addEventListener("htmx:before:request", (event) => {
    if (!isLive(event.detail.ctx.sourceElement)) return;
    const idle = Date.now() - activeAt > IDLE_AFTER && ++asked % 5;
    const halted = paused && ofPage().length > 0; // a page without a pill could not be resumed
    const waits = isEnds(event.detail.ctx.sourceElement); // most of all while nobody looks
    if (isSignedOut || (!waits && (halted || document.hidden || idle))) event.preventDefault();
  });

  let isSignedOut = false;
  function signedOut() {
    if (isSignedOut) return;
    isSignedOut = true; // said once; nothing is asked for any more
    toast("toast-signed-out");
  }

  document.addEventListener("htmx:after:request", (event) => {
    const { sourceElement, response } = event.detail.ctx;
    if (isLive(sourceElement) && response?.status === 401) signedOut();
    if (!isLive(sourceElement) || isFrame(sourceElement) || isEnds(sourceElement)) return;
    if (response.status === 204 || response.raw.ok) freshAt = Date.now();
  });

  document.addEventListener("htmx:before:swap", (event) => {
    const { ctx, tasks } = event.detail;
    const region = ctx.sourceElement;
    if (!isLive(region)) return;
    if (!ctx.response.raw.ok) return event.preventDefault(); // the pill tells; a toast each 2 s would not help
    stale.delete(region);
    const main = tasks.find((task) => task.type === "main");
    if (!main) return;
    const parts = [...main.fragment.querySelectorAll("[data-still]")];
    if (!ctx.held) {
      for (const part of parts) {
        if (part.id && !document.getElementById(part.id)) part.classList.add("changed");
      }
      new Set(parts.filter((part) => part.matches("tr[id], li[id]")).map((part) => part.parentElement)).forEach(drawAnew);
      return;
    }
    stale.add(region);
    tasks.splice(tasks.indexOf(main), 1);
    for (const part of parts) {
      const shown = document.getElementById(part.id);
      if (!shown) continue;
      const fragment = document.createDocumentFragment();
      fragment.append(part);
      const swapSpec = { style: "outerMorph" };
      tasks.push({ type: "partial", fragment, target: shown, swapSpec, sourceElement: region });
    }
  });

  /* A list whose rows came, went, changed places or became higher (data-shape) is drawn anew, with its foot:
     nothing that is shown slides. */
  function drawAnew(list) {
    const rows = [...list.children];
    const shown = rows.map((row) => document.getElementById(row.id)).find(Boolean)?.parentElement;
    const order = (children) => [...children].map((row) => [row.id, row.dataset.shape]).join(" ");
    if (!shown || inHand(shown) || order(shown.children) === order(rows)) return;
    for (const row of rows) {
      const before = document.getElementById(row.id);
      if (before && before.dataset.still !== row.dataset.still) row.classList.add("changed");
    }
    shown.closest(".card")?.querySelector(":scope > .card-foot")?.remove();
    shown.replaceChildren();
  }

  htmx.registerExtension("still", {
    htmx_before_morph_node: (element, { oldNode, newNode }) => {
      if (oldNode.matches?.("time[data-ago], [data-since]")) say(oldNode, newNode.textContent);
      if (!oldNode.matches?.("[data-still]")) return true;
      if (inHand(oldNode)) {
        const region = oldNode.closest("[data-live]");
        if (region) stale.add(region);
        return false;
      }
      if (oldNode.dataset.still !== newNode.dataset.still) newNode.classList.add("changed");
      return true;
    },
  });

  /* Notices stand above what one reads: one that goes leaves its room, and one that comes is told at the page's foot,
     until one asks for it, the page is out of sight, or nobody has touched it for long. */

  const standing = new Map(); // the notices that stand: by the id of their box, their height by their id
  const news = document.getElementById("news");
  const boxes = () => document.querySelectorAll("[data-live] > .notices");
  const waiting = () => [...document.querySelectorAll(".notices > [hidden]")];

  function placeNotices() {
    for (const box of boxes()) {
      box.querySelectorAll(".room").forEach((room) => room.remove());
      for (const notice of box.children) notice.hidden = false;
      standing.set(box.id, new Map([...box.children].map(({ id, offsetHeight }) => [id, offsetHeight])));
    }
    if (news) news.hidden = true;
  }

  function holdNotices() {
    for (const box of boxes()) {
      const stood = standing.get(box.id) ?? new Map();
      for (const notice of box.children) notice.hidden = !stood.has(notice.id);
      let next = box.firstElementChild;
      for (const [id, height] of stood) {
        const notice = document.getElementById(id);
        if (notice) {
          next = notice.nextElementSibling;
          continue;
        }
        const room = Object.assign(document.createElement("div"), { className: "room" });
        room.style.height = `${height}px`;
        box.insertBefore(room, next);
      }
    }
    const came = waiting();
    if (news) news.hidden = came.length === 0;
    if (came.length === 0) return;
    say(news.querySelector("span"), came.map((notice) => notice.querySelector("b").textContent.trim()).join(" · "));
    news.className = came[0].className.replace("banner", "button");
    news.querySelector(".icon").replaceWith(came[0].querySelector(".icon").cloneNode(true));
  }

  document.addEventListener("htmx:after:swap", (event) => {
    if (isLive(event.detail.ctx.sourceElement) && !document.hidden) holdNotices();
    else placeNotices(); // what one has done shows at once
  });
  news?.addEventListener("click", () => {
    const [first] = waiting();
    placeNotices();
    first?.scrollIntoView({ block: "nearest" });
    document.getElementById("main").focus({ preventScroll: true });
  });
  addEventListener("resize", placeNotices);
  placeNotices();

  function askNow() {
    for (const region of regions()) htmx.trigger(region, "every", {}, false);
  }

  function showPill() {
    if (!pill) return;
    pill.classList.toggle("is-idle", ofPage().length === 0);
    const age = Date.now() - freshAt;
    const state = paused ? "paused" : age > STOPPED_AFTER ? "stopped" : "live";
    pill.dataset.state = state;
    pill.setAttribute("aria-pressed", String(paused));
    pill.querySelector("b").textContent = pill.getAttribute(`data-word-${state}`);
    pill.querySelector(".live-age").textContent = paused ? "" : pill.dataset.updated.replace("{}", amount(age / 1000));
  }

  pill?.addEventListener("click", () => {
    paused = !paused;
    sessionStorage.setItem("live-paused", paused ? "1" : "0");
    if (!paused) askNow();
    showPill();
  });

  for (const kind of ["pointermove", "keydown", "scroll", "touchstart"]) {
    addEventListener(kind, () => { activeAt = Date.now(); }, { passive: true });
  }
  document.addEventListener("visibilitychange", () => (document.hidden ? placeNotices() : askNow()));

  /* A log follows its end until its reader scrolls up or says otherwise. */

  const follows = (box) => [box, document.getElementById(box.dataset.follow)];
  const toEnd = () => {
    for (const [box, log] of [...document.querySelectorAll("[data-follow]")].map(follows)) {
      if (box.checked && log) log.scrollTop = log.scrollHeight;
    }
  };
  document.addEventListener("htmx:after:swap", toEnd);
  document.addEventListener("htmx:after:swap", () => {
    const region = document.querySelector("[data-live][data-title]");
    const { name, counts = "" } = document.querySelector("title").dataset;
    const wrong = counts.split(" ").map((one) => one && document.querySelector(`[data-count="${one}"]`)).find(Boolean);
    const title = region?.dataset.title ?? (wrong ? `${wrong.dataset.wrong} – ${name}` : name);
    const deployment = document.title.slice(document.title.lastIndexOf(" · "));
    if (title) document.title = title + deployment;
  });
  document.addEventListener("change", (event) => event.target.matches?.("[data-follow]") && toEnd());
  document.addEventListener("wheel", (event) => {
    const log = event.target.closest?.(".log");
    const box = log && document.querySelector(`[data-follow="${log.id}"]`);
    if (box && event.deltaY < 0) box.checked = false;
    else if (box && log.scrollHeight - log.scrollTop - log.clientHeight < 40) box.checked = true;
  }, { passive: true });

  /* Times that go on by themselves. The same steps as app/web/words.py. */

  function amount(seconds) {
    const whole = Math.floor(Math.abs(seconds));
    if (whole < 60) return words.s.replace("{}", whole);
    if (whole < 3600) return words.min.replace("{}", Math.floor(whole / 60));
    if (whole < 86400) return words.h.replace("{}", Math.floor(whole / 3600));
    const days = Math.floor(whole / 86400);
    return (days === 1 ? words.day : words.days).replace("{}", days);
  }

  function span(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    const [rest, word] =
      whole < 60 ? [0, ""]
      : whole < 3600 ? [whole % 60, words.s]
      : whole < 86400 ? [Math.floor((whole % 3600) / 60), words.min]
      : [Math.floor((whole % 86400) / 3600), words.h];
    const large = amount(whole);
    return rest ? words.two.replace("{large}", large).replace("{small}", word.replace("{}", rest)) : large;
  }

  function say(element, text) {
    const selection = getSelection();
    const chosen = !selection.isCollapsed && selection.containsNode(element, true);
    if (element.textContent !== text && !chosen) element.textContent = text;
  }

  function tick() {
    const now = Date.now() + clockSkew;
    for (const element of document.querySelectorAll("time[data-ago]")) {
      const seconds = (now - Date.parse(element.dateTime)) / 1000;
      if (Math.abs(seconds) > 30 * 86400) continue;
      say(element, (seconds < 0 ? words.in : words.ago).replace("{}", amount(seconds)));
    }
    for (const element of document.querySelectorAll("[data-since]")) {
      say(element, span((now - Date.parse(element.dataset.since)) / 1000));
    }
    for (const element of document.querySelectorAll("time[data-clock]")) {
      const options = { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: root.dataset.zone };
      if (element.dataset.clock === "seconds") options.second = "2-digit";
      say(element, new Intl.DateTimeFormat("en-GB", options).format(now));
    }
    if (now - clockSkew - activeAt > IDLE_AFTER) placeNotices();
    showPill();
  }

  /* Toasts, dialogs, forms. */

  const toasts = document.getElementById("toasts");

  function toast(templateId) {
    const template = document.getElementById(templateId);
    if (template) toasts.append(template.content.cloneNode(true));
  }

  function tendToasts() {
    const newest = toasts.lastElementChild;
    for (const old of [...toasts.children]) if (old !== newest && old.innerHTML === newest.innerHTML) old.remove();
    for (const old of [...toasts.children].slice(0, -3)) old.remove();
    for (const one of toasts.querySelectorAll(".toast[data-fades]:not([data-tended])")) {
      one.dataset.tended = "";
      const leave = () => (one.matches(":hover, :focus-within") ? setTimeout(leave, 2000) : one.remove());
      setTimeout(leave, 1000 * one.dataset.fades);
    }
  }

  document.addEventListener("htmx:response:error", (event) => {
    const { sourceElement, response, text } = event.detail.ctx;
    if (!isLive(sourceElement) && response.status !== 422 && !text.includes("<hx-partial")) toast("toast-failed");
  });
  document.addEventListener("htmx:error", (event) => {
    const ctx = event.detail.ctx;
    if (!ctx || ctx.response || isLive(ctx.sourceElement)) return;
    toast(ctx.request.method === "GET" ? "toast-offline" : "toast-unknown");
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { sourceElement, response } = event.detail.ctx;
    if (!sourceElement?.matches("form, button")) return; // a preview asks in its form's name
    const key = response && sourceElement.closest("form")?.querySelector("[name=form_key]");
    if (key) key.value = crypto.getRandomValues(new Uint32Array(4)).join("-"); // answered: what comes is another
  });

  document.addEventListener("htmx:after:swap", (event) => {
    const { target: wanted } = event.detail.ctx; // text where the answer's HX-Retarget names it
    const target = typeof wanted === "string" ? document.querySelector(wanted) : wanted;
    if (target?.id === "dialog" && !target.open && target.childElementCount) target.showModal();
  });

  function release(form) {
    const button = form.querySelector("[data-said]");
    delete form.dataset.sent;
    if (!button) return;
    (button.querySelector("span") || button).textContent = button.dataset.said;
    button.style.minWidth = "";
    delete button.dataset.said;
  }

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.method === "dialog" || form.method === "get") return;
    if (form.dataset.sent) {
      event.preventDefault();
      event.stopImmediatePropagation();
      return;
    }
    form.dataset.sent = "1";
    const button = event.submitter;
    if (button?.dataset.busy) {
      const label = button.querySelector("span") || button;
      button.style.minWidth = `${button.offsetWidth}px`;
      button.dataset.said = label.textContent;
      label.textContent = button.dataset.busy;
    }
  }, true);
  document.addEventListener("htmx:finally:request", (event) => {
    if (event.target.matches?.("form") && !event.detail.ctx.keepIndicators) release(event.target);
  });
  addEventListener("pageshow", (event) => {
    if (event.persisted) document.querySelectorAll("form[data-sent]").forEach(release);
  });

  /* A form that leads back to its page, such as an undo, gives the focus back to who works by keyboard; where what
     had it is gone, the page has it. */

  let place = ""; // what in the page had the focus last, not in a toast or a dialog

  document.addEventListener("focusin", ({ target }) => {
    const part = target.closest("main [id]");
    if (!part) return;
    const within = [target.localName, ...target.classList].map((word) => CSS.escape(word)).join(".");
    place = `#${CSS.escape(part.id)}${part === target ? "" : ` ${within}`}`;
  });
  document.addEventListener("submit", (event) => {
    if (event.defaultPrevented || !event.submitter?.matches(":focus-visible")) return;
    sessionStorage.setItem("focus", JSON.stringify([location.pathname, place]));
  });
  const [wasAt, wasOn] = JSON.parse(sessionStorage.getItem("focus") ?? "[]");
  sessionStorage.removeItem("focus");
  if (wasAt === location.pathname && document.activeElement === document.body) {
    ((wasOn && document.querySelector(wasOn)) || document.getElementById("main"))?.focus();
  }

  /* A refused field is no longer red once it is changed; the server looks at it again when it is sent. */
  document.addEventListener("input", ({ target }) => {
    const field = target.closest?.(".has-error");
    if (!field) return;
    const wrong = [field, target, ...field.querySelectorAll("[aria-invalid]")];
    field.classList.remove("has-error");
    for (const control of wrong) control.removeAttribute("aria-invalid");
    for (const error of field.querySelectorAll(".field-error")) error.remove();
    for (const said of document.querySelectorAll(":is(.problems, .form-problems) li:has(a)")) {
      if (wrong.some(({ id }) => id && said.querySelector("a").hash === `#${id}`)) said.classList.add("mended");
      const box = said.closest(".problems, .form-problems");
      if (!box.querySelector("li:not(.mended)")) box.remove();
    }
  });

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text); // only where the page came over HTTPS
    } catch {
      const field = Object.assign(document.createElement("textarea"), { value: text });
      document.body.append(field);
      field.select();
      document.execCommand("copy");
      field.remove();
    }
  }

  const isoDay = (days) => {
    const day = new Date(Date.now() + clockSkew + days * 86400_000);
    return new Intl.DateTimeFormat("sv-SE", { timeZone: root.dataset.zone }).format(day);
  };

  document.addEventListener("click", async (event) => {
    const control = event.target.closest(
      "[data-copy], [data-fill-day], [data-reveal], [data-close], .toast-close, [data-release]",
    );
    if (!control) return;
    if (control.matches(".toast-close")) {
      control.closest(".toast").remove();
    } else if (control.matches("[data-close]") && control.closest("dialog")) {
      event.preventDefault();
      control.closest("dialog").close();
    } else if (control.dataset.copy) {
      await copy(document.getElementById(control.dataset.copy.replace("#", "")).textContent);
      const label = control.querySelector("span");
      const said = label.textContent;
      label.textContent = control.dataset.copied;
      setTimeout(() => { label.textContent = said; }, 2000);
    } else if (control.dataset.fillDay) {
      const field = document.getElementById(control.dataset.for);
      field.value = isoDay(Number(control.dataset.fillDay));
      field.dispatchEvent(new Event("input", { bubbles: true }));
    } else if (control.dataset.reveal) {
      const field = document.getElementById(control.dataset.reveal);
      const hidden = field.type === "password";
      field.type = hidden ? "text" : "password";
      control.setAttribute("aria-pressed", String(hidden));
    } else if (control.matches("[data-release]")) {
      const region = control.closest("[data-live]");
      if (!region) return;
      event.preventDefault();
      region.released = true;
      stale.add(region);
      htmx.trigger(region, "every", {}, false);
    }
  });

  document.addEventListener("change", (event) => {
    if (event.target.matches("form[data-auto] select")) event.target.form.requestSubmit();
  });

  document.addEventListener("keydown", (event) => {
    const menu = event.target.closest(".menu");
    if (menu && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      const entries = [...menu.querySelectorAll("a, button")];
      const step = event.key === "ArrowDown" ? 1 : -1;
      const next = entries[(entries.indexOf(document.activeElement) + step + entries.length) % entries.length];
      event.preventDefault();
      next.focus();
    }
  });

  /* Single keys, unless they are turned off; the list of them (templates/_keys.html) holds the addresses. */

  const PRESSED = "[type=checkbox], [type=radio], [type=button], [type=submit]";
  const TYPED = `textarea, select, [contenteditable], input:not(${PRESSED})`;
  const GOES_WITHIN = 1500;
  const keys = document.getElementById("keys");
  const opener = document.querySelector("[data-opens=keys]");
  let goesUntil = 0;

  function press(key) {
    const search = document.getElementById("search");
    if (key === "?") keys.showModal();
    else if (key === "/" && search.offsetParent) search.focus();
    else {
      const link = keys.querySelector(`[data-keys="${CSS.escape(key)}"]`);
      if (!link) return false;
      location.assign(link.href);
    }
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (!keys || root.dataset.keys === "off") return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    if (event.target.closest?.(TYPED) || document.querySelector("dialog[open], .menu:popover-open")) return;
    const going = Date.now() < goesUntil;
    goesUntil = !going && event.key === "g" ? Date.now() + GOES_WITHIN : 0;
    const done = press(going ? `g ${event.key}` : event.key);
    if (done) event.preventDefault();
    if (done || (going && event.key.length === 1)) event.stopImmediatePropagation(); // T, B, H of a queue's row
  });
  opener?.addEventListener("click", () => keys.showModal());

  /* Schedules: rows are chosen for the bar below, and a cron expression is one text or its columns. */

  function showPicked() {
    const bar = document.getElementById("bulk");
    if (!bar) return;
    const picks = [...document.querySelectorAll(".pick")];
    const picked = picks.filter((pick) => pick.checked);
    const all = document.querySelector("[data-pick-all]");
    const rest = bar.querySelector("[data-pick-rest]");
    const every = picks.length > 0 && picked.length === picks.length;
    if (all) [all.checked, all.indeterminate] = [every, picked.length > 0 && !every];
    if (rest) rest.hidden = !every;
    if (rest && !every) rest.querySelector("input").checked = false;
    const matching = rest?.querySelector("input:checked")?.dataset.matching;
    const count = bar.querySelector("[data-picked]");
    count.textContent = count.dataset.picked.replace("{}", matching || picked.length);
    for (const button of bar.querySelectorAll("[data-touches]")) {
      const kind = button.dataset.touches;
      const touched = picked.filter((pick) => kind === "all" || pick.closest("tr").dataset.on === kind);
      button.hidden = !matching && touched.length === 0;
      const number = button.querySelector("[data-number]");
      if (number) number.textContent = matching ? "" : touched.length;
    }
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-pick-all]")) {
      for (const pick of document.querySelectorAll(".pick")) pick.checked = event.target.checked;
    }
    if (event.target.matches(".pick, [data-pick-all], [data-pick-rest] input")) showPicked();
  });
  document.addEventListener("click", (event) => {
    event.target.closest(".row-menu button, .row-menu a")?.closest(".row-menu").hidePopover();
    if (!event.target.closest("[data-pick-none]")) return;
    for (const pick of document.querySelectorAll(".pick")) pick.checked = false;
    showPicked();
  });
  document.addEventListener("htmx:after:swap", showPicked);

  const cron = document.querySelector("[data-cron]");

  function splitCron() {
    const columns = cron.querySelector("[data-cron-whole]").value.trim().split(/\s+/);
    const known = columns.length === 5 || columns.length === 6;
    if (columns.length === 5) columns.unshift("");
    cron.querySelector(".cron-second").hidden = !known || !columns[0];
    cron.querySelectorAll("[data-cron-part]").forEach((part, place) => { part.value = known ? columns[place] : ""; });
  }

  function joinCron() {
    const columns = [...cron.querySelectorAll("[data-cron-part]")].map((part) => part.value.trim());
    const seconds = columns.shift();
    const whole = columns.map((text) => text.replaceAll(/\s+/g, "") || "*");
    cron.querySelector("[data-cron-whole]").value = [...(seconds ? [seconds] : []), ...whole].join(" ");
  }

  if (cron) {
    splitCron();
    cron.addEventListener("input", (event) => (event.target.matches("[data-cron-whole]") ? splitCron() : joinCron()));
    document.addEventListener("htmx:after:swap", () => {
      const whole = cron.querySelector("[data-cron-whole]");
      whole.setAttribute("aria-invalid", document.getElementById("cron_schedule-said") !== null || cron.matches(".has-error"));
    });
  }

  if (toasts) new MutationObserver(tendToasts).observe(toasts, { childList: true });
  if (toasts) tendToasts();
  showPill();
  setInterval(tick, 1000);
})();
