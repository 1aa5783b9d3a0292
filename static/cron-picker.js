/* Writes a cron expression from choices, and shows the choices that an expression means. */
(() => {
  "use strict";

  const picker = document.querySelector("[data-cron-picker]");
  if (!picker) return;
  const cron = picker.closest("[data-cron]");
  const whole = cron.querySelector("[data-cron-whole]");
  const raw = cron.querySelector(".cron-raw");
  const field = (id) => document.getElementById(`pick-${id}`);
  const kind = field("kind");
  const times = () => [...picker.querySelectorAll("[data-time]")];
  const days = () => [...picker.querySelectorAll("[data-day]")];

  /* Minute and hours that the times say: they share the minute of the first. */
  function clock() {
    const read = times().map((one) => one.value.split(":").map(Number)).filter((one) => one.length === 2);
    const hours = [...new Set(read.map(([hour]) => hour))].sort((one, other) => one - other);
    return `${read[0]?.[1] ?? 0} ${hours.join(",") || 0}`;
  }

  const WRITES = {
    minutes: () => (field("minutes").value === "1" ? "* * * * *" : `*/${field("minutes").value} * * * *`),
    hours: () => `${Number(field("minute").value)} ${field("hours").value === "1" ? "*" : `*/${field("hours").value}`} * * *`,
    daily: () => `${clock()} * * *`,
    weekdays: () => `${clock()} * * 1-5`,
    days: () => `${clock()} * * ${days().filter((day) => day.checked).map((day) => day.value).join(",") || "*"}`,
    date: () => `${clock()} ${Number(field("date").value) || 1} * *`,
    last: () => `${clock()} L * *`,
    nth: () => `${clock()} * * ${field("weekday").value}${field("nth").value}`,
  };

  function showKind() {
    for (const part of picker.querySelectorAll("[data-of]")) {
      part.hidden = !part.dataset.of.split(" ").includes(kind.value);
    }
    cron.querySelector("[data-cron-shown]").textContent = whole.value;
  }

  function addTime(value) {
    const time = times()[0].cloneNode();
    time.value = value;
    picker.querySelector("[data-add-time]").before(time);
    return time;
  }

  function setTimes(minute, hours) {
    const texts = hours.split(",").map((hour) => `${hour.padStart(2, "0")}:${minute.padStart(2, "0")}`);
    for (const extra of times().slice(1)) extra.remove();
    times()[0].value = texts[0];
    for (const text of texts.slice(1)) addTime(text);
  }

  const has = (select, value) => [...select.options].some((option) => option.value === value);

  /* The kind that an expression is of, its fields filled in; "own" for what no choice says. */
  function read(text) {
    const [minute, hour, date, month, day, more] = text.trim().toUpperCase().replace("MON-FRI", "1-5").split(/\s+/);
    if (more !== undefined || month !== "*") return "own";
    if (hour === "*" && date === "*" && day === "*" && /^(\*|\*\/\d+)$/.test(minute)) {
      const every = minute === "*" ? "1" : minute.slice(2);
      if (!has(field("minutes"), every)) return "own";
      field("minutes").value = every;
      return "minutes";
    }
    if (!/^[0-5]?\d$/.test(minute)) return "own";
    if (date === "*" && day === "*" && /^(\*|\*\/\d+)$/.test(hour)) {
      const every = hour === "*" ? "1" : hour.slice(2);
      if (!has(field("hours"), every)) return "own";
      [field("hours").value, field("minute").value] = [every, minute];
      return "hours";
    }
    if (!/^([01]?\d|2[0-3])(,([01]?\d|2[0-3]))*$/.test(hour)) return "own";
    setTimes(minute, hour);
    if (day === "*" && date === "*") return "daily";
    if (day === "*" && date === "L") return "last";
    if (day === "*" && /^\d{1,2}$/.test(date)) {
      field("date").value = date;
      return "date";
    }
    if (date !== "*") return "own";
    if (day === "1-5") return "weekdays";
    if (/^[0-6](,[0-6])*$/.test(day)) {
      for (const one of days()) one.checked = day.split(",").includes(one.value);
      return "days";
    }
    const nth = /^([0-6])(#[1-4]|L)$/.exec(day);
    if (!nth) return "own";
    [field("weekday").value, field("nth").value] = [nth[1], nth[2]];
    return "nth";
  }

  function write() {
    if (kind.value === "own") raw.open = true;
    else whole.value = WRITES[kind.value]();
    showKind();
    whole.dispatchEvent(new Event("input", { bubbles: true }));
  }

  picker.addEventListener("input", (event) => {
    event.stopPropagation(); // of the choices only what they wrote is news
    if (event.target.matches("[data-time]")) {
      const minute = event.target.value.split(":")[1];
      for (const one of times()) if (one.value && minute) one.value = `${one.value.split(":")[0]}:${minute}`;
    }
    write();
  });
  picker.addEventListener("change", (event) => event.stopPropagation());
  picker.querySelector("[data-add-time]").addEventListener("click", () => {
    const [hour, minute] = times().at(-1).value.split(":");
    addTime(`${String((Number(hour) + 1) % 24).padStart(2, "0")}:${minute}`).focus();
    write();
  });
  cron.addEventListener("input", (event) => {
    if (picker.contains(event.target) || !event.isTrusted) return;
    kind.value = read(whole.value);
    showKind();
  });

  kind.value = whole.value ? read(whole.value) : "daily";
  if (!whole.value) whole.value = WRITES.daily();
  raw.open = kind.value === "own" || cron.matches(".has-error");
  showKind();
})();
