/* What was typed is not lost: a form that could not be sent is filled again when its page comes back, after
   signing in, after an error and after Back. It is kept in this tab alone, without what is secret, for its user. */
(() => {
  "use strict";

  const KEY = "typed";
  const HERE = location.pathname + location.search;
  const USER = document.documentElement.dataset.user;
  const SECRET = "[type=password], [type=file], [data-secret], [name=csrf_token], [name=form_key]";
  const touched = new Set();
  let waiting = {}; // what belongs into fields that are not there yet

  const known = () => [...document.querySelectorAll("form[method=post]")];
  const nameOf = (form) => `${form.id} ${form.getAttribute("action")}`;
  const fields = (form) => [...form.elements].filter((one) => one.name && !one.matches(`${SECRET}, [type=hidden], button`));

  function entries(form) {
    const found = {};
    for (const field of fields(form)) {
      found[field.name] ??= [];
      if (field.matches("[type=checkbox], [type=radio]")) {
        if (field.checked) found[field.name].push(field.value);
      } else if (field.matches("select[multiple]")) {
        found[field.name].push(...[...field.selectedOptions].map((one) => one.value));
      } else {
        found[field.name].push(field.value);
      }
    }
    return found;
  }

  /* `lost`: known not to have been taken. Else the next page tells: another page means that it was. */
  function keep(forms, lost) {
    const kept = Object.fromEntries([...forms].filter((form) => form.isConnected).map((form) => [nameOf(form), entries(form)]));
    if (Object.keys(kept).length > 0) sessionStorage.setItem(KEY, JSON.stringify({ path: HERE, user: USER, forms: kept, lost }));
  }

  function fill(form, values) {
    const left = {};
    for (const [name, given] of Object.entries(values)) {
      const own = fields(form).filter((field) => field.name === name);
      if (own.length === 0) left[name] = given;
      own.forEach((field, place) => {
        const before = field.matches("[type=checkbox], [type=radio]") ? field.checked : field.value;
        if (field.matches("[type=checkbox], [type=radio]")) field.checked = given.includes(field.value);
        else if (field.matches("select[multiple]")) for (const one of field.options) one.selected = given.includes(one.value);
        else if (given[place] !== undefined) field.value = given[place];
        const after = field.matches("[type=checkbox], [type=radio]") ? field.checked : field.value;
        if (before === after) return;
        for (const kind of ["input", "change"]) field.dispatchEvent(new Event(kind, { bubbles: true }));
      });
    }
    if (Object.keys(left).length > 0) waiting[nameOf(form)] = left;
    else delete waiting[nameOf(form)];
    touched.add(form);
  }

  function fillAll(all) {
    for (const form of known()) {
      if (all[nameOf(form)]) fill(form, all[nameOf(form)]);
    }
  }

  function restore() {
    const kept = JSON.parse(sessionStorage.getItem(KEY) || "null");
    if (!kept) return;
    if (document.querySelector(".alone")) { // signing in, or an error: what was sent was not taken
      sessionStorage.setItem(KEY, JSON.stringify({ ...kept, lost: true }));
      return;
    }
    if (kept.user !== USER) { // somebody else signed in
      sessionStorage.removeItem(KEY);
      return;
    }
    const [{ type } = {}] = performance.getEntriesByType("navigation");
    const told = document.querySelector(".toast[data-lost]"); // the server sent the form back
    const answered = document.referrer === location.href.split("#")[0]; // what comes after the form comes from its page
    const again = kept.lost || told || !answered || type === "back_forward" || type === "reload";
    if (kept.path === HERE && again) {
      fillAll(kept.forms);
      const typed = document.getElementById(kept.lost || told ? "toast-typed" : "toast-typed-unknown").content;
      const words = (part) => part.querySelector("b").textContent;
      const shown = [...document.querySelectorAll("#toasts .toast")].some((one) => words(one) === words(typed));
      if (!shown) document.getElementById("toasts").append(typed.cloneNode(true)); // else the server filled it, too
    }
    if (kept.path === HERE || !kept.lost) sessionStorage.removeItem(KEY);
  }

  document.addEventListener("input", (event) => {
    if (event.isTrusted && event.target.form?.matches("[method=post]")) touched.add(event.target.form);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[method=post]") || form.closest(".alone")) return;
    if (touched.has(form)) keep([form], false);
    else sessionStorage.removeItem(KEY);
  });
  document.addEventListener("htmx:after:request", (event) => {
    const { sourceElement, response } = event.detail.ctx;
    const form = sourceElement?.closest("form[method=post]");
    if (!form || !response || !sourceElement.matches("form, button")) return; // not of a preview
    if (response.status >= 400 && response.status !== 422) keep([form], true);
    else if (touched.delete(form)) sessionStorage.removeItem(KEY);
  });
  document.addEventListener("click", (event) => { // away to sign in
    if (event.target.closest("a[data-sign-in]")) keep(touched, true);
  });
  document.addEventListener("htmx:after:swap", () => fillAll(waiting));
  restore();
})();
