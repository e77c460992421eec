// Comfort only: every page is complete without this script.
"use strict";

// What a tab remembers, where it may.
const remember = (what) => { try { return what(sessionStorage); } catch { return null; } };
const keep = (name, value) => remember((store) => store.setItem(name, value));
const recall = (name) => remember((store) => store.getItem(name));
const forget = (name) => remember((store) => store.removeItem(name));
const person = document.getElementById("person")?.textContent;

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
    const written = [...form.elements].filter((it) => it.id && it.value && it.autocomplete !== "off");
    if (written.length) keep(location.pathname, JSON.stringify([person, written.map((it) => [it.id, it.value])]));
    form.dataset.sent = "yes";
    const button = event.submitter;
    if (button) {
      button.setAttribute("aria-disabled", "true");
      button.setAttribute("aria-busy", "true");
    }
  });
}
// Who comes back with the browser's button can send it again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    for (const button of form.querySelectorAll("[aria-busy]")) {
      button.removeAttribute("aria-disabled");
      button.removeAttribute("aria-busy");
    }
  }
});

// What was written into a form that a login came in between of; by the same person, who is named in the head.
const kept = recall(location.pathname);
forget(location.pathname);
if (location.hash === "#resumed") {
  const [who, fields] = JSON.parse(kept || "[0, []]");
  for (const [id, value] of who === person ? fields : []) {
    const field = document.getElementById(id);
    if (field) field.value = value;
  }
  history.replaceState(null, "", location.pathname + location.search);
}

// The way back to the vendor, after some seconds that can be seen and stopped.
const leaving = document.getElementById("leaving");
// Who comes back, stays.
if (leaving && recall("left") !== location.pathname) {
  keep("left", location.pathname);
  let left = Number(leaving.dataset.seconds);
  const shown = leaving.querySelector("[data-left]");
  const timer = setInterval(() => {
    left -= 1;
    shown.textContent = String(left);
    if (left <= 0) {
      clearInterval(timer);
      location.assign(leaving.dataset.to);
    }
  }, 1000);
  const stop = () => {
    clearInterval(timer);
    leaving.hidden = true;
  };
  leaving.querySelector("button").addEventListener("click", () => {
    stop();
    document.getElementById("content").focus();
  });
  // Whoever moves about the page by keyboard is reading it.
  addEventListener("keydown", stop, { once: true });
  leaving.hidden = false;
}

// Ticks all clients of the page.
const all = document.getElementById("tick-all");
if (all) {
  all.closest("[hidden]").hidden = false;
  all.addEventListener("change", () => {
    for (const box of document.querySelectorAll("input[name=client]")) box.checked = all.checked;
  });
}

// Says that the session is about to end, while there is time to do something about it.
const ending = document.getElementById("session-ending");
if (ending) {
  const [soon, ended] = ["[data-soon]", "[data-ended]"].map((part) => ending.querySelector(part));
  const stay = ending.querySelector("button");
  let timers = [];
  const show = (what) => {
    soon.hidden = what !== soon;
    ended.hidden = what !== ended;
    ending.hidden = !what;
  };
  const begin = (seconds) => {
    timers.forEach(clearTimeout);
    show(null);
    const early = Math.min(120, seconds / 2);
    timers = [setTimeout(() => show(soon), (seconds - early) * 1000), setTimeout(() => show(ended), seconds * 1000)];
  };
  stay?.addEventListener("click", async () => {
    const answer = await fetch("/session", { redirect: "error" }).catch(() => null);
    if (!answer?.ok) return show(ended);
    const { seconds, canStay } = await answer.json();
    stay.hidden = !canStay;
    begin(seconds);
  });
  begin(Number(ending.dataset.seconds));
}

// How far a job has come.
const follow = async () => {
  const job = document.querySelector("#job[data-running]");
  if (!job) return;
  const answer = await fetch(location.href, { redirect: "error" }).catch(() => null);
  if (!answer) return;
  const page = answer.ok && new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("job");
  if (page && !("running" in page.dataset)) return location.reload();
  if (page) job.replaceChildren(...page.childNodes);
  setTimeout(follow, 2000);
};
setTimeout(follow, 1000);

// Prints.
const print = document.getElementById("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
