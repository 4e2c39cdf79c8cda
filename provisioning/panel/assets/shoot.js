// The viewfinder page: a moving view, and one big button.

import "./session.js";
import "./encounter.js";
import { busy, call } from "./call.js";
import { openViewfinder } from "./viewfinder.js";

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
openViewfinder(document.getElementById("live"), document.getElementById("seen"), (now) => { live = now; ready(); });

shutter.addEventListener("click", () => busy(shutter, async () => {
  document.getElementById("last")?.remove();
  location.replace((await call("POST", "/shutter")).next);
}));
addEventListener("keydown", (event) => {
  if (event.code === "Space" && event.target === document.body) shutter.click();
});
setTimeout(() => document.getElementById("last")?.remove(), 8000);
document.body.dataset.ready = "yes";
