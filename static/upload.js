/* Files on their way: how far they are, and stopping them. Without this script the form of the Files page is sent as any. */
(() => {
  "use strict";
  const UNITS = ["KB", "MB", "GB"];

  // The same steps as `size` in app/web/words.py.
  function size(count) {
    let value = count / 1000;
    let unit = 0;
    while (value >= 999.5 && unit < UNITS.length - 1) {
      value /= 1000;
      unit += 1;
    }
    return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
  }

  function tell(place, ...parts) {
    place.replaceChildren(...parts);
  }

  function problem(place, text) {
    const said = Object.assign(document.createElement("span"), { className: "field-error", textContent: text });
    tell(place, said);
    return said;
  }

  function button(text, act) {
    const made = Object.assign(document.createElement("button"), { type: "button", textContent: text });
    made.className = "button small";
    made.addEventListener("click", act);
    return made;
  }

  /* Send `form` to `address`; `done` is called with the request once there is an answer. */
  function send(address, form, headers, input, place, done) {
    const { dataset } = input;
    const asked = new XMLHttpRequest();
    const bar = Object.assign(document.createElement("progress"), { className: "progress", max: 1, value: 0 });
    const text = document.createElement("span");
    bar.setAttribute("aria-label", input.files[0].name);
    tell(place, bar, text, button(dataset.stop, () => asked.abort()));
    asked.upload.addEventListener("progress", (event) => {
      bar.value = event.loaded / event.total;
      const whole = event.loaded === event.total;
      text.textContent = whole
        ? dataset.keeping
        : dataset.sent.replace("{done}", size(event.loaded)).replace("{all}", size(event.total));
    });
    asked.addEventListener("load", () => done(asked));
    asked.addEventListener("error", () => { problem(place, dataset.failed); done(null); });
    asked.addEventListener("abort", () => { tell(place); done(null); });
    asked.open("POST", address);
    for (const [name, value] of Object.entries(headers)) asked.setRequestHeader(name, value);
    asked.send(form);
  }

  function tooLarge(input, place) {
    const large = input.files[0].size > Number(input.dataset.most);
    if (large) problem(place, input.dataset.tooLarge);
    return large;
  }

  /* The Files page: its own form, and the answer is the way to the page that shows what came of it. */
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.matches("[data-upload]") || event.defaultPrevented) return;
    event.preventDefault();
    const place = form.querySelector(".upload-said");
    const input = form.querySelector("[type=file]");
    const pressed = form.querySelector("button:not([type=button])");
    const release = () => { pressed.disabled = false; delete form.dataset.sent; };
    if (tooLarge(input, place)) return release();
    pressed.disabled = true;
    send(form.action, new FormData(form), { "HX-Request": "true" }, input, place, (asked) => {
      const next = asked?.getResponseHeader("HX-Redirect");
      if (next) location.assign(next);
      else release();
      if (asked && !next) problem(place, input.dataset.failed);
    });
  });

  /* A field for a path: the file goes into the folder of files, and the field gets its path. */
  function fill(input, replace) {
    const place = document.getElementById(`${input.dataset.for}-upload`);
    const field = document.getElementById(input.dataset.for);
    if (tooLarge(input, place)) return;
    const form = new FormData();
    form.append("csrf_token", field.form.querySelector("[name=csrf_token]").value);
    if (replace) form.append("replace", "true");
    form.append("file", input.files[0]);
    send(input.dataset.uploadTo, form, { Accept: "application/json" }, input, place, (asked) => {
      if (!asked) return;
      let answer = {};
      try { answer = JSON.parse(asked.responseText); } catch { /* a proxy's page: the status says enough */ }
      if (asked.status !== 200) {
        problem(place, answer.detail || `${asked.status} ${asked.statusText}`);
        if (answer.code === "taken") place.append(button(input.dataset.replace, () => fill(input, true)));
        return;
      }
      field.value = answer.path;
      field.dispatchEvent(new Event("input", { bubbles: true }));
      tell(place, input.dataset.kept.replace("{name}", answer.name));
      input.value = "";
      field.focus();
    });
  }

  document.addEventListener("change", (event) => {
    if (event.target.matches("[data-upload-to]") && event.target.files.length) fill(event.target, false);
  });
})();
