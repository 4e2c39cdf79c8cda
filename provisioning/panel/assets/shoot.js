// The viewfinder page: a moving view, and one big button.

import "./session.js";
import { busy, call, leave } from "./call.js";
import { settled } from "./encounter.js";
import { sound } from "./sound.js";
import { openViewfinder } from "./viewfinder.js";
import { word } from "./words.js";

const KEYS = ["Enter", " "];
const REMOTE = ["AudioVolumeUp", "AudioVolumeDown"];
const PEDAL = document.querySelector("main").dataset.shutterKeys.split(" ").filter(Boolean);
const shutter = document.getElementById("shutter");
let live = false;
let blocked = true;

function ready() {
  shutter.disabled = blocked || !live;
}

document.addEventListener("status", ({ detail }) => {
  blocked = detail.troubles.some((trouble) => trouble.blocks);
  ready();
});

const guide = document.getElementById("guide");

function advise(advice) {
  // It only advises: the shutter stays as it is, because the wound matters more than a threshold.
  const sentence = advice === "good" ? "" : word(`guide.${advice}`);
  if (guide.textContent !== sentence) guide.textContent = sentence;
  guide.hidden = !sentence;
}

openViewfinder(
  document.getElementById("live"), document.getElementById("seen"), (now) => { live = now; ready(); }, "/live", advise,
);

shutter.addEventListener("click", () => busy(shutter, async () => {
  document.getElementById("last")?.remove();
  // The page that follows shows whom the picture is of as the panel has it: nothing may be on its way there still.
  if (!await settled()) return;
  await leave((await call("POST", "/shutter")).next);
}));
addEventListener("keydown", (event) => {
  if (document.querySelector("dialog[open]")) return;
  const pressed = REMOTE.includes(event.key) || PEDAL.includes(event.code) || PEDAL.includes(event.key);
  // A focused button has Enter and Space for itself.
  if (!pressed && !(KEYS.includes(event.key) && event.target === document.body)) return;
  event.preventDefault();
  if (!event.repeat) shutter.click();
});
if (document.getElementById("last")) sound("accepted");
setTimeout(() => document.getElementById("last")?.remove(), 8000);
document.body.dataset.ready = "yes";
