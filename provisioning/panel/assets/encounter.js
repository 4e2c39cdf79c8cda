// Whom and what the picture is of: five chips, a dialog for each. Kept by the panel, for this session only.

import "./keypad.js";
import { call, Refused, say } from "./call.js";
import { scan } from "./scan.js";
import { word } from "./words.js";

const at = (id) => document.getElementById(id);
const strip = at("strip");
const draft = JSON.parse(strip.dataset.draft);
const CONSENTS = ["record", "second_opinion", "teaching"];

let stopScan = () => {};

const siteName = (code) => document.querySelector(`[data-site="${code}"]`)?.textContent ?? "";

export function missing() {
  const left = [];
  if (!draft.patient) left.push("patient-dialog");
  if (!draft.body_site) left.push("site-dialog");
  if (!draft.consent.record) left.push("consent-dialog");
  return left;
}

function put(name, text, needed = false) {
  const value = at(`${name}-value`);
  value.textContent = text;
  value.closest(".chip").classList.toggle("needed", needed);
}

function consented(given) {
  if (!draft.consent.record) return word("script.not-given");
  return given > 1 ? word("script.given-more", { number: given }) : word("script.given");
}

function show() {
  put("patient", draft.patient || word("script.who"), !draft.patient);
  put("site", siteName(draft.body_site) || word("script.where"), !draft.body_site);
  put("side", draft.side ? word(`script.${draft.side}`) : "–");
  const given = CONSENTS.filter((name) => draft.consent[name]).length;
  put("consent", consented(given), !draft.consent.record);
  put("note", draft.urgent ? word("script.urgent") : draft.note ? word("script.yes") : "–");
  for (const button of document.querySelectorAll("[data-site]")) {
    button.setAttribute("aria-pressed", String(button.dataset.site === draft.body_site));
  }
  for (const button of document.querySelectorAll("[data-side]")) {
    button.setAttribute("aria-pressed", String(button.dataset.side === (draft.side ?? "")));
  }
}

async function save(change) {
  Object.assign(draft, change);
  show();
  try {
    const { missing: _, ...fields } = draft;
    draft.patient = (await call("PUT", "/encounter", fields)).patient;
    show();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    if (error.answer.error === "code-refused") draft.patient = "";
    show();
    say(error.message);
  }
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

function open(id) {
  at("patient").value = draft.patient;
  at("patient-hint").textContent = "";
  at("note").value = draft.note;
  at("urgent").checked = draft.urgent;
  for (const name of CONSENTS) at(`consent-${name}`).checked = draft.consent[name];
  at(id).showModal();
}

export function complete() {
  // Asks for what is still missing, one dialog after the other; resolves to whether nothing is missing any more.
  return new Promise((resolve) => {
    const next = (before) => {
      const [first] = missing();
      if (!first) resolve(true);
      else if (first === before) resolve(false);
      else {
        at(first).addEventListener("close", () => next(first), { once: true });
        open(first);
      }
    };
    next(null);
  });
}

for (const chip of strip.querySelectorAll("[data-opens]")) chip.addEventListener("click", () => open(chip.dataset.opens));
for (const button of document.querySelectorAll("dialog [data-closes]")) {
  button.addEventListener("click", () => button.closest("dialog").close());
}
at("patient-dialog").querySelector("form").addEventListener("submit", () => save({ patient: at("patient").value.trim() }));
at("next-patient").addEventListener("click", () => {
  save({
    patient: "", body_site: "", side: null, note: "", urgent: false,
    consent: { record: true, second_opinion: false, teaching: false },
  });
  at("patient").value = "";
  at("patient").focus();
});
at("scan-wristband").addEventListener("click", scanWristband);
for (const button of document.querySelectorAll("[data-site]")) {
  button.addEventListener("click", () => { save({ body_site: button.dataset.site }); at("site-dialog").close(); });
}
for (const button of document.querySelectorAll("[data-side]")) {
  button.addEventListener("click", () => { save({ side: button.dataset.side || null }); at("side-dialog").close(); });
}
at("consent-dialog").addEventListener("change", () => save({
  consent: Object.fromEntries(CONSENTS.map((name) => [name, at(`consent-${name}`).checked])),
}));
for (const button of document.querySelectorAll("[data-phrase]")) {
  button.addEventListener("click", () => {
    at("note").value = [at("note").value.trim(), button.textContent].filter(Boolean).join(". ").slice(0, at("note").maxLength);
  });
}
at("note-dialog").addEventListener("close", () => save({ note: at("note").value.trim(), urgent: at("urgent").checked }));
show();
