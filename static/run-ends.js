/* Tells that runs have ended for which the viewer waits: by the browser's notification, a toast and the tab's title.
   Leave is asked for at the press only. Of all open pages the one that the server lets tells. */
(() => {
  "use strict";

  const PATIENCE = 15_000; // for a page that has leave, in another browser perhaps
  const SIGNS = { failed: "●", succeeded: "✓" };
  const seen = new Map(); // run id: when it was first seen here, or null once it was dealt with
  const known = "Notification" in window;
  let title = null; // what the tab was called

  function say(templateId) {
    const template = document.getElementById(templateId);
    if (template) document.getElementById("toasts").append(template.content.cloneNode(true));
  }

  async function askLeave() {
    if (!known || !isSecureContext) return say("toast-no-notifications");
    if (Notification.permission === "granted") return;
    const answer = Notification.permission === "default" ? await Notification.requestPermission() : "denied";
    if (answer === "denied") say("toast-notifications-denied");
  }

  document.addEventListener("click", (event) => {
    if (event.target.closest?.("[data-asks-leave]")) askLeave();
  });

  const mayNotify = () => known && isSecureContext && Notification.permission === "granted";

  async function isMine(one) {
    const headers = JSON.parse(document.body.getAttribute("hx-headers:inherited") || "{}");
    const answer = await fetch(one.dataset.told, { method: "POST", headers });
    if (!answer.ok) throw new Error(answer.status); // asked again with the next look
    return (await answer.json()).tells;
  }

  function notify(one) {
    if (!mayNotify()) return;
    const { title, text, address, ended } = one.dataset;
    try {
      const shown = new Notification(title, { body: text, tag: ended });
      shown.addEventListener("click", () => {
        window.focus();
        location.assign(address);
      });
    } catch (error) {
      if (!(error instanceof TypeError)) throw error; // some phones allow it to service workers only: the toast tells
    }
  }

  function tell(one) {
    notify(one);
    document.getElementById("toasts").append(one.content.cloneNode(true));
    if (document.hasFocus()) return;
    title ??= document.title;
    document.title = `${SIGNS[one.dataset.kind] || "○"} ${one.dataset.title}`;
  }

  addEventListener("focus", () => {
    if (title === null) return;
    const region = document.querySelector("[data-live][data-title]");
    document.title = region ? region.dataset.title + title.slice(title.lastIndexOf(" · ")) : title;
    title = null;
  });

  async function look() {
    for (const one of document.querySelectorAll("#run-ends [data-ended]")) {
      const id = one.dataset.ended;
      if (seen.get(id) === null) continue;
      if (!seen.has(id)) seen.set(id, Date.now());
      const waits = !mayNotify() && !document.hasFocus() && Date.now() - seen.get(id) < PATIENCE;
      if (waits) continue;
      const since = seen.get(id);
      seen.set(id, null);
      try {
        if (await isMine(one)) tell(one);
      } catch {
        seen.set(id, since);
      }
    }
  }

  setInterval(look, 1000);
  look();
})();
