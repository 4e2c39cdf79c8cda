// One way to ask the panel for something: JSON, the custom header, and a sentence when it did not work.

import { sound } from "./sound.js";
import { word } from "./words.js";

export class Refused extends Error {
  constructor(answer, status) {
    super(answer.sentence);
    this.status = status;
    this.answer = answer;
  }
}

export async function call(method, path, body) {
  const sent = { method, headers: { "X-Wardlens": "1" }, cache: "no-store", redirect: "manual" };
  if (body !== undefined) {
    sent.headers["Content-Type"] = "application/json";
    sent.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, sent);
  } catch {
    throw new Refused({ sentence: word("script.panel-away") }, 0);
  }
  if (response.type === "opaqueredirect" || response.status === 401) return leave("/");
  const json = response.headers.get("content-type")?.startsWith("application/json");
  let answer;
  try {
    answer = json ? await response.json() : await response.text();
  } catch {
    throw new Refused({ sentence: word("script.panel-away") }, 0);
  }
  if (!response.ok) throw new Refused(json ? answer : { sentence: word("script.failed") }, response.status);
  return answer;
}

let hiding;

export function say(sentence) {
  const toast = document.getElementById("toast");
  toast.textContent = sentence;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, 6000);
}

export function leave(path) {
  // Goes to another page; whoever waits for this waits until the page is gone, so that no second tap is taken here.
  location.replace(path);
  return new Promise(() => {});
}

export async function busy(button, work, whole = button) {
  // While something is under way nothing of the `whole` takes a touch, so that a double tap is one tap.
  if (whole.getAttribute("aria-busy") === "true") return;
  whole.setAttribute("aria-busy", "true");
  button.setAttribute("aria-busy", "true");
  try {
    await work();
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    say(error.message);
    sound("failed");
  } finally {
    whole.removeAttribute("aria-busy");
    button.removeAttribute("aria-busy");
  }
}
