// Whom and what the picture is of: five chips, a dialog for each. Kept by the panel, for this session only.

import "./keypad.js";
import { markChosen, onChosen, openView } from "./body_map.js";
import { showCalendar } from "./calendar.js";
import { busy, call, Refused, say } from "./call.js";
import { scan } from "./scan.js";
import { word } from "./words.js";

const at = (id) => document.getElementById(id);
const strip = at("strip");
const DIALOGS = { patient: "patient-dialog", body_site: "site-dialog", side: "side-dialog", consent: "consent-dialog" };
const CONSENTS = ["record", "second_opinion", "teaching", "recognisable"];

let shown = JSON.parse(strip.dataset.encounter);
let stopScan = () => {};

export const patient = () => shown.draft.patient;
export const agreedToFeatures = () => shown.draft.consent.recognisable;

function put(name, text, needed = false) {
  const value = at(`${name}-value`);
  value.textContent = text;
  value.closest(".chip").classList.toggle("needed", needed);
}

function consented({ consent }) {
  if (!consent.record) return word("script.not-given");
  const given = CONSENTS.filter((name) => consent[name]).length;
  return given > 1 ? word("script.given-more", { number: given }) : word("script.given");
}

function since() {
  if (!shown.draft.body_site) return "–";
  const day = shown.since || word("script.day-unknown");
  return shown.wound?.number > 1 ? `${day} (${shown.wound.number})` : day;
}

function offer(one, text, more = "") {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.series = one.series;
  for (const [name, said] of [["b", text], ["small", more]]) {
    if (said) button.append(Object.assign(document.createElement(name), { textContent: said }));
  }
  return button;
}

function show() {
  const { draft } = shown;
  put("patient", draft.patient || word("script.who"), !draft.patient);
  put("site", shown.site || word("script.where"), shown.missing.includes("body_site") || shown.missing.includes("side"));
  put("since", since());
  put("consent", consented(draft), !draft.consent.record);
  put("note", draft.urgent ? word("script.urgent") : draft.note ? word("script.yes") : "–");
  markChosen(draft.body_site, draft.side ?? "");
  for (const button of document.querySelectorAll("[data-side]")) {
    button.setAttribute("aria-pressed", String(button.dataset.side === (draft.side ?? "")));
  }
  const again = at("again");
  if (!again) return;
  again.replaceChildren(...shown.again.map((one) => offer(one, again.dataset.again.replace("{title}", one.title), one.when)));
  again.hidden = !shown.again.length;
}

let turn = Promise.resolve(true);
let onTheWay = 0;

function inTurn(work) {
  // One change after the other: each is made to what the one before has left, or it would bring back who was before.
  onTheWay += 1;
  const mine = turn.then(work).finally(() => { onTheWay -= 1; });
  turn = mine.catch(() => false);
  return mine;
}

export async function settled() {
  // Waits until the panel has every change; gives whether it took the last of those that were on their way.
  let taken = true;
  while (onTheWay) taken = await turn;
  return taken;
}

const save = (change, where) => inTurn(() => kept(change, where));

async function kept(change, where) {
  // Keeps what was changed; gives whether the panel took it. What it refused is not shown as if it had.
  if (where) where.hidden = true;
  try {
    shown = await call("PUT", "/encounter", { ...shown.draft, ...change });
    show();
    return true;
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    await showKept().catch(() => {});
    if (where) [where.textContent, where.hidden] = [error.message, false];
    else say(error.message);
    return false;
  }
}

export async function showKept() {
  // What the panel has kept: after a number that was refused that is nobody, with nothing of whoever was before.
  shown = await call("GET", "/encounter");
  show();
}

function scanWristband() {
  const hint = at("patient-hint");
  at("patient").focus();
  stopScan();
  const stop = stopScan = scan("wristband", (patient) => {
    at("patient").value = patient;
    hint.textContent = word("script.compare-wristband");
  }, (sentence) => { hint.textContent = sentence || word("script.hold-wristband"); });
  hint.textContent = word("script.hold-wristband");
  at("patient-dialog").addEventListener("close", stop, { once: true });
  at("patient").addEventListener("input", stop, { once: true });
}

function showSince() {
  at("here").replaceChildren(...shown.here.map((one) => offer(one, one.when)));
  at("here-title").hidden = !shown.here.length;
  at("since-today").disabled = !shown.today;
  const { since: day, number } = shown.wound ?? { since: null, number: 1 };
  for (const button of document.querySelectorAll("[data-number]")) {
    button.setAttribute("aria-pressed", String(Number(button.dataset.number) === number));
  }
  for (const button of at("here").children) {
    const one = shown.here.find(({ series }) => series === button.dataset.series);
    button.setAttribute("aria-pressed", String(one.since === day && one.number === number));
  }
  at("since-today").setAttribute("aria-pressed", String(Boolean(day) && day === shown.today));
  showCalendar(day, shown.today ?? new Date().toISOString().slice(0, 10), (other) => sinceDay({ since: other }));
}

async function sinceDay(change) {
  await save({ since: shown.wound?.since ?? null, number: shown.wound?.number ?? 1, ...change });
  showSince();
}

function noteLeft() {
  at("note-left").textContent = word("script.note-left", { number: at("note").maxLength - at("note").value.length });
}

function open(id) {
  const { draft } = shown;
  at("patient").value = draft.patient;
  at("patient-hint").textContent = "";
  at("note").value = draft.note;
  at("urgent").checked = draft.urgent;
  for (const name of CONSENTS) if (at(`consent-${name}`)) at(`consent-${name}`).checked = draft.consent[name];
  noteLeft();
  if (id === "site-dialog") openView("body");
  if (id === "since-dialog" && !draft.body_site) {
    open("site-dialog");
    return;
  }
  if (id === "since-dialog") showSince();
  at(id).showModal();
  // Typed or scanned, the next number takes the place of the one before, and is never hung on to it.
  if (id === "patient-dialog") at("patient").select();
}

export function openConsent(then) {
  // Asks what the patient agrees to; calls `then` when somebody is done with it.
  open("consent-dialog");
  at("consent-dialog").addEventListener("close", then, { once: true });
}

export function complete() {
  // Asks for what is still missing, one dialog after the other; resolves to whether nothing is missing any more.
  return new Promise((resolve) => {
    const next = async (before) => {
      const taken = await settled();
      const [first] = shown.missing;
      if (!taken) resolve(false);
      else if (!first) resolve(true);
      else if (first === before) resolve(false);
      else {
        if (!document.querySelector("dialog[open]")) open(DIALOGS[first]);
        document.querySelector("dialog[open]").addEventListener("close", () => next(first), { once: true });
      }
    };
    next(null);
  });
}

async function choose(code, side) {
  at("site-dialog").close();
  const taken = await save({ body_site: code, side: side || null, since: null, number: 1 });
  if (taken && shown.missing.includes("side") && !at("side-dialog").open) open("side-dialog");
}

for (const chip of strip.querySelectorAll("[data-opens]")) chip.addEventListener("click", () => open(chip.dataset.opens));
for (const button of document.querySelectorAll("dialog [data-closes]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
at("patient-dialog").querySelector("form").addEventListener("submit", () => {
  save({ patient: at("patient").value.trim() });
});
at("next-patient").addEventListener("click", () => {
  save({
    patient: "", body_site: "", side: null, since: null, number: 1, note: "", urgent: false,
    consent: { record: true, second_opinion: false, teaching: false, recognisable: false },
  });
  at("patient").value = "";
  at("patient").focus();
});
at("scan-wristband").addEventListener("click", scanWristband);
onChosen(choose);
for (const button of document.querySelectorAll("[data-site]")) {
  button.addEventListener("click", () => choose(button.dataset.site, ""));
}
for (const button of document.querySelectorAll("[data-side]")) {
  button.addEventListener("click", () => {
    save({ side: button.dataset.side, since: null, number: 1 });
    at("side-dialog").close();
  });
}
at("since-today").addEventListener("click", () => sinceDay({ since: shown.today }));
for (const button of document.querySelectorAll("[data-number]")) {
  button.addEventListener("click", () => sinceDay({ number: Number(button.dataset.number) }));
}
at("here").addEventListener("click", (event) => {
  const one = shown.here.find(({ series }) => series === event.target.closest("button")?.dataset.series);
  if (one) sinceDay({ since: one.since, number: one.number });
});
at("again")?.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  busy(button, () => inTurn(async () => {
    shown = await call("POST", "/encounter/again", { series: button.dataset.series });
    show();
    return true;
  }));
});
at("consent-dialog").addEventListener("change", () => {
  const consent = Object.fromEntries(CONSENTS.map((name) => [name, at(`consent-${name}`)?.checked ?? false]));
  save({ consent });
});
for (const button of document.querySelectorAll("[data-phrase]")) {
  button.addEventListener("click", () => {
    at("note").value = [at("note").value.trim(), button.textContent].filter(Boolean).join(". ").slice(0, at("note").maxLength);
    noteLeft();
  });
}
at("note").addEventListener("input", noteLeft);
at("note-dialog").addEventListener("close", async () => {
  const note = at("note").value.trim();
  const urgent = at("urgent").checked;
  if (await save({ note, urgent }, at("note-wrong"))) return;
  open("note-dialog");  // with what was typed, so that it can be mended
  at("note").value = note;
  at("urgent").checked = urgent;
  noteLeft();
});
show();
