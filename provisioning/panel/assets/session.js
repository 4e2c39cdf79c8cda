// What every page of a signed-in person does: asks for the status, says when the screen will lock, locks by hand.

import { busy, call, leave } from "./call.js";
import { word } from "./words.js";

const ASK_EVERY = 2000;
const WARN_SECONDS = 15;
const TOUCH_EVERY = 3000;

let locksAt = Infinity;
let touchedAt = -Infinity;

function showTrouble(worst) {
  const trouble = document.getElementById("trouble");
  if (!trouble) return;
  trouble.hidden = !worst;
  trouble.classList.toggle("blocks", Boolean(worst?.blocks));
  const sentence = worst?.sentence ?? "";
  const said = trouble.querySelector("span");
  if (said.textContent !== sentence) said.textContent = sentence;
}

function tell(status) {
  showTrouble(status.troubles[0]);
  document.dispatchEvent(new CustomEvent("status", { detail: status }));
}

function heard(status) {
  locksAt = performance.now() + status.locks_in * 1000;
  const badge = document.getElementById("waiting");
  badge.hidden = status.waiting === 0;
  badge.textContent = status.waiting;
  badge.setAttribute("aria-label", word("script.waiting", { number: status.waiting }));
  tell(status);
}

export async function ask() {
  heard(await call("GET", "/status"));
}

async function keepAsking() {
  for (;;) {
    try {
      await ask();
    } catch (error) {
      tell({ troubles: [{ slug: "panel", sentence: error.message, blocks: true }], waiting: 0, locks_in: 0 });
    }
    await new Promise((resume) => setTimeout(resume, ASK_EVERY));
  }
}

async function touched() {
  const now = performance.now();
  const warned = !document.getElementById("idle").hidden;
  if (!warned && now - touchedAt < TOUCH_EVERY) return;
  touchedAt = now;
  try {
    const answer = await call("POST", "/active");
    locksAt = performance.now() + answer.locks_in * 1000;
    tick();
  } catch { /* the next question says what is wrong */ }
}

function tick() {
  const idle = document.getElementById("idle");
  const left = Math.ceil((locksAt - performance.now()) / 1000);
  idle.hidden = left > Math.min(WARN_SECONDS, Number(document.body.dataset.lockSeconds) / 2);
  if (!idle.hidden) idle.textContent = left > 0 ? word("script.locks-in", { seconds: left }) : word("script.locking");
  if (left < 0) location.replace("/");
}

for (const event of ["pointerdown", "keydown"]) addEventListener(event, touched, { capture: true, passive: true });
document.getElementById("lock").addEventListener("click", (event) => busy(event.currentTarget, async () => {
  await leave((await call("POST", "/lock")).next);
}));
setInterval(tick, 1000);
keepAsking();
