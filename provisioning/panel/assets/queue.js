// The queue keeps itself fresh; a parked picture can be sent again.

import "./session.js";
import { busy, call } from "./call.js";

const entries = document.getElementById("entries");
let shown = entries.innerHTML;

async function renew() {
  const fresh = await call("GET", "/queue/entries");
  if (fresh === shown) return;
  shown = fresh;
  entries.innerHTML = fresh;
}

document.addEventListener("status", () => { renew().catch(() => {}); });
entries.addEventListener("click", (event) => {
  const button = event.target.closest("[data-retry]");
  if (button) busy(button, async () => { await call("POST", `/queue/${button.dataset.retry}/retry`); await renew(); });
});
document.body.dataset.ready = "yes";
