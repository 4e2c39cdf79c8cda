// How the screen looks: a touch takes the next value. Hand, light and sound change in place; another language is another page.

import { busy, call } from "./call.js";
import { sound } from "./sound.js";

const chosen = document.documentElement.dataset;

for (const button of document.querySelectorAll("[data-look]")) {
  const name = button.dataset.look;
  const values = button.dataset.values.split(" ");
  button.addEventListener("pointerdown", (event) => event.preventDefault());  // a badge reader types where the focus is
  button.addEventListener("click", () => busy(button, async () => {
    const next = values[(values.indexOf(chosen[name]) + 1) % values.length];
    const look = await call("POST", "/look", { [name]: next });
    if (name === "language") location.reload();
    else Object.assign(chosen, { hand: look.hand, light: look.light, sound: look.sound });
    if (name === "sound") sound("accepted");
  }));
}
