// Comfort only: every page is complete without this script.
"use strict";

// A form is sent once, however often its button is pressed.
for (const form of document.querySelectorAll("form[method=post]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) {
      event.preventDefault();
      return;
    }
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

// The way back to the vendor, after some seconds that can be seen and stopped.
const leaving = document.getElementById("leaving");
if (leaving) {
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
  leaving.querySelector("button").addEventListener("click", () => {
    clearInterval(timer);
    leaving.hidden = true;
    document.getElementById("content").focus();
  });
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
  const until = Number(ending.dataset.seconds);
  const [soon, ended] = ["[data-soon]", "[data-ended]"].map((part) => ending.querySelector(part));
  let timers = [];
  const show = (what) => {
    soon.hidden = what !== soon;
    ended.hidden = what !== ended;
    ending.hidden = !what;
  };
  const begin = () => {
    timers.forEach(clearTimeout);
    show(null);
    const early = Math.min(120, until / 2);
    timers = [setTimeout(() => show(soon), (until - early) * 1000), setTimeout(() => show(ended), until * 1000)];
  };
  ending.querySelector("button").addEventListener("click", async () => {
    const answer = await fetch("/session", { redirect: "error" }).catch(() => null);
    if (answer && answer.ok) begin();
    else show(ended);
  });
  begin();
}

// Prints.
const print = document.getElementById("print");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}
