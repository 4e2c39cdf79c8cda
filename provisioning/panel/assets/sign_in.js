// Badge, then PIN. A badge scanner types into the focused field and ends with Enter.

import "./keypad.js";
import { call, leave, Refused } from "./call.js";
import { scan } from "./scan.js";
import { word } from "./words.js";

const at = (id) => document.getElementById(id);
const notice = at("notice");
let waiting;
let stopScan = () => {};

function tell(sentence) {
  notice.textContent = sentence;
  notice.classList.toggle("empty", !sentence);
}

function hint(sentence) {
  at("hint").textContent = sentence || word("sign-in.or-type");
}

function show(step) {
  // Another badge need not wait for the one before; whether all have to wait, the panel says at the next try.
  clearInterval(waiting);
  for (const button of at("pin-keys").querySelectorAll("button")) button.disabled = false;
  for (const name of ["badge", "pin"]) {
    at(`${name}-form`).hidden = at(`${name}-keys`).hidden = name !== step;
  }
  at("ask").textContent = word(step === "badge" ? "sign-in.scan" : "sign-in.your-pin");
  hint(step === "badge" ? "" : word("sign-in.badge-is", { badge: at("badge").value }));
  at("pin").value = "";
  at(step).focus();
  stopScan();
  // Held to the camera it is as good as typed; while the PIN is asked, nothing is read.
  if (step === "badge") stopScan = scan("badge", (badge) => { at("badge").value = badge; show("pin"); }, hint);
}

function badgeGiven(event) {
  event.preventDefault();
  at("badge").value = at("badge").value.trim();
  if (at("badge").value) show("pin");
  else at("badge").focus();
}

function countDown(seconds) {
  clearInterval(waiting);
  const until = performance.now() + seconds * 1000;
  const tick = () => {
    const left = Math.ceil((until - performance.now()) / 1000);
    for (const button of at("pin-keys").querySelectorAll("button")) button.disabled = left > 0;
    tell(left > 0 ? word("script.too-many", { seconds: left }) : word("script.try-again"));
    if (left <= 0) clearInterval(waiting);
  };
  waiting = setInterval(tick, 500);
  tick();
}

async function pinGiven(event) {
  event.preventDefault();
  const pin = at("pin").value;
  if (!pin || at("pin-keys").getAttribute("aria-busy") === "true") return;
  at("pin-keys").setAttribute("aria-busy", "true");
  tell("");
  try {
    await leave((await call("POST", "/sign-in", { badge: at("badge").value, pin })).next);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    at("pin").value = "";
    at("pin").focus();
    if (error.answer.wait) countDown(error.answer.wait);
    else tell(error.message);
  } finally {
    at("pin-keys").removeAttribute("aria-busy");
  }
}

at("badge-form").addEventListener("submit", badgeGiven);
at("badge-keys").addEventListener("submit", badgeGiven);
at("pin-form").addEventListener("submit", pinGiven);
at("pin-keys").addEventListener("submit", pinGiven);
at("other-badge").addEventListener("click", () => { at("badge").value = ""; tell(""); show("badge"); });
show("badge");
document.body.dataset.ready = "yes";
