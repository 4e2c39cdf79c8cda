// Paste the line, compare the digits, done.

import { call, Refused } from "./call.js";

const main = document.querySelector("main");
const failed = document.getElementById("failed");

function show({ step, digits = "", sentence = "" }) {
  main.dataset.step = step;
  for (const part of main.querySelectorAll("[data-for]")) part.hidden = !part.dataset.for.split(" ").includes(step);
  document.getElementById("digits").textContent = digits.replace(/^(\d{3})(\d{3})$/, "$1 $2");
  failed.textContent = sentence;
  failed.classList.toggle("empty", !sentence);
}

async function follow() {
  for (;;) {
    const progress = await call("GET", "/pairing/progress");
    show(progress);
    if (!["reaching", "digits-shown"].includes(progress.step)) return;
    await new Promise((resume) => setTimeout(resume, 700));
  }
}

async function run(work) {
  try {
    await work();
    await follow();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    show({ step: "failed", sentence: error.message });
  }
}

document.getElementById("line-form").addEventListener("submit", (event) => {
  event.preventDefault();
  run(() => call("POST", "/pairing", { line: document.getElementById("line").value }));
});
if (main.dataset.step !== "not-started") run(async () => {});
document.body.dataset.ready = "yes";
