// Hold the invitation to the camera or paste its line, compare the digits, done.

import { call, Refused } from "./call.js";
import { scan } from "./scan.js";
import { openViewfinder } from "./viewfinder.js";

const AGAIN_MS = 700;
const UNTESTED_MS = 1500;
const at = (id) => document.getElementById(id);
const main = document.querySelector("main");
const dialog = at("line-dialog");
let stopScan = () => {};
let stopView = () => {};

function show({ step, digits = "", sentence = "", device = {} }) {
  main.dataset.step = step;
  for (const part of main.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(step);
  at("digits").textContent = digits.replace(/^(\d{3})(\d{3})$/, "$1 $2");
  at("failed").textContent = sentence;
  at("failed").classList.toggle("empty", !sentence);
  at("ask").hidden = at("hint").hidden = step === "failed";
  at("again").hidden = step !== "failed";
  for (const [name, said] of Object.entries(device)) main.querySelector(`[data-fact="${name}"]`).textContent = said;
}

async function follow() {
  for (;;) {
    const progress = await call("GET", "/pairing/progress");
    show(progress);
    if (progress.step === "paired") stopView();
    if (!["reaching", "digits-shown", "paired"].includes(progress.step)) return;
    // Once it is paired, IT may still give it its name, and it tests itself for the first time.
    await new Promise((resume) => setTimeout(resume, progress.tested ? UNTESTED_MS : AGAIN_MS));
  }
}

async function run(work) {
  stopScan();
  dialog.close();
  try {
    await work();
    await follow();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    show({ step: "failed", sentence: error.message });
  }
}

function look() {
  show({ step: "not-started" });
  const tell = (sentence) => { at("hint").textContent = sentence; };
  stopScan = scan("invitation", () => { tell(""); run(async () => {}); }, tell, "/pairing");
}

at("line-form").addEventListener("submit", (event) => {
  event.preventDefault();
  run(() => call("POST", "/pairing", { line: at("line").value }));
});
at("by-line").addEventListener("click", () => dialog.showModal());
dialog.querySelector("[data-closes]").addEventListener("click", () => dialog.close());
at("again").addEventListener("click", look);
stopView = openViewfinder(at("live"), at("seen"), () => {}, "/pairing/live");
if (main.dataset.step === "not-started") look();
else run(async () => {});
document.body.dataset.ready = "yes";
