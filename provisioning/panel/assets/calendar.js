// A month of days to touch. Days are "2026-11-12", as the panel says them; no day has an hour or a zone.

import { word } from "./words.js";

const MONTHS = word("format.months").split(" ");
const at = (id) => document.getElementById(id);
const iso = (year, month, day) => `${year}-${String(month).padStart(2, "0")}-${String(day).padStart(2, "0")}`;

let year;
let month;
let today;
let chosen;
let told = () => {};

function draw() {
  at("month").textContent = `${MONTHS[month - 1]} ${year}`;
  const first = new Date(Date.UTC(year, month - 1, 1)).getUTCDay();
  const days = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const cells = Array.from({ length: (first + 6) % 7 }, () => document.createElement("span"));
  for (let day = 1; day <= days; day += 1) {
    const button = document.createElement("button");
    const named = iso(year, month, day);
    button.type = "button";
    button.textContent = day;
    button.dataset.day = named;
    button.disabled = named > today;
    button.setAttribute("aria-label", word("format.date", { day, month: MONTHS[month - 1], year }));
    button.setAttribute("aria-pressed", String(named === chosen));
    cells.push(button);
  }
  at("days").replaceChildren(...cells);
  at("month-after").disabled = iso(year, month, 1).slice(0, 7) >= today.slice(0, 7);
}

function turn(by) {
  const to = new Date(Date.UTC(year, month - 1 + by, 1));
  year = to.getUTCFullYear();
  month = to.getUTCMonth() + 1;
  draw();
}

export function showCalendar(day, last, tell) {
  // Opens at the month of `day`; days after `last` cannot be chosen; calls `tell` with the day that is touched.
  [chosen, today, told] = [day, last, tell];
  [year, month] = (day ?? last).split("-").map(Number);
  draw();
}

at("month-before").addEventListener("click", () => turn(-1));
at("month-after").addEventListener("click", () => turn(1));
at("days").addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button && !button.disabled) told(button.dataset.day);
});
