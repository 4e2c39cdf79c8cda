// Review: answer what could not be told, cover more, uncover with a reason, accept or drop.

import "./session.js";
import { busy, call, leave, say } from "./call.js";
import { agreedToFeatures, complete, openConsent, patient, showKept } from "./encounter.js";
import { sound } from "./sound.js";
import { word } from "./words.js";
import { openZoom } from "./zoom.js";

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 1280;
const WIDEST = 4096;
const LABEL = 17;
const DRAG = 24;
const REACH = 40;
const SETTLE = 400;
const GONE = 4000;

const at = (id) => document.getElementById(id);
const review = at("review");
const photo = at("photo");
const side = at("side");
const still = review.dataset.still;
const size = { width: Number(review.dataset.width), height: Number(review.dataset.height) };

let mode = "home";
let kind = null;
let corner = null;
let area = null;
let zoom = () => 1;
let settling;

const facts = () => at("facts").dataset;
const edition = () => Number(facts().edition);
const regions = () => JSON.parse(facts().regions);
const unanswered = () => facts().unanswered.split(" ").filter(Boolean);
const isAsking = () => facts().open !== "0";
const perPixel = () => Math.max(size.width / photo.clientWidth, size.height / photo.clientHeight) / zoom();

function show(next) {
  mode = next;
  const shown = next === "home" ? (isAsking() ? "ask" : "check") : next;
  for (const part of side.querySelectorAll("[data-mode]")) part.hidden = part.dataset.mode !== shown;
  photo.classList.toggle("marking", next === "mark");
  photo.classList.toggle("picking", next === "uncover");
  corner = null;
  drawRect(null);
  drawRegions();
  // What lies under the finger is something else now: the second touch of a double tap is not meant for it.
  side.classList.add("settling");
  clearTimeout(settling);
  settling = setTimeout(() => side.classList.remove("settling"), SETTLE);
}

function made(name, attributes, parent) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  parent.append(element);
  return element;
}

function drawRegions() {
  const scale = perPixel();
  at("outlines").replaceChildren();
  at("labels").replaceChildren();
  const taken = [];
  regions().forEach((region, index) => {
    const outline = made("polygon", { points: region.polygon.map((c) => c.join(",")).join(" "), "stroke-width": 2 * scale }, at("outlines"));
    outline.classList.toggle("picked", index === area && mode === "reason");
    const text = mode === "uncover" || mode === "reason" ? String(index + 1) : word(`kinds.${region.kind}`);
    const box = { width: text.length * LABEL * 0.6 * scale + LABEL * scale, height: LABEL * 1.5 * scale };
    const xs = region.polygon.map(([x]) => x);
    const ys = region.polygon.map(([, y]) => y);
    const x = Math.max(0, Math.min((Math.min(...xs) + Math.max(...xs) - box.width) / 2, size.width - box.width));
    const y = Math.max(0, Math.min((Math.min(...ys) + Math.max(...ys) - box.height) / 2, size.height - box.height));
    if (taken.some((t) => x < t.x + t.width && x + box.width > t.x && y < t.y + t.height && y + box.height > t.y)) return;
    taken.push({ x, y, ...box });
    made("rect", { x, y, ...box, rx: box.height / 2 }, at("labels"));
    const label = made("text", { x: x + box.width / 2, y: y + box.height * 0.72, "font-size": LABEL * scale, "text-anchor": "middle" }, at("labels"));
    label.textContent = text;
  });
}

function drawRect(box) {
  for (const [key, value] of Object.entries(box ?? { x: 0, y: 0, width: 0, height: 0 })) at("drawn").setAttribute(key, value);
  at("drawn").setAttribute("stroke-width", 3 * perPixel());
}

function showPicture() {
  // As sharp as the zoom shows it, in steps, so that a picture is not fetched for each touch.
  const width = Math.min(WIDTH * 2 ** Math.ceil(Math.log2(zoom())), WIDEST);
  const path = `/review/picture.jpg?width=${width}&edition=${edition()}`;
  if (at("photo-image").getAttribute("href") !== path) at("photo-image").setAttribute("href", path);
}

async function renew() {
  side.innerHTML = await call("GET", "/review/panel");
  showPicture();
  photo.setAttribute("aria-label", `${facts().covered}.`);
}

async function decide(decision) {
  try {
    await call("POST", "/review/decision", { still, edition: edition(), decision });
  } catch (error) {
    if (error.answer?.error === "picture-changed") {
      await renew();
      show("home");
    }
    throw error;
  }
  await renew();
}

function startMarking(what) {
  kind = what;
  show("mark");
  at("mark-step").textContent = word(`script.mark-${kind}`);
}

async function marked(box) {
  if (box.width < size.width / 200 || box.height < size.height / 200) return;
  const right = box.x + box.width;
  const bottom = box.y + box.height;
  const polygon = [[box.x, box.y], [right, box.y], [right, bottom], [box.x, bottom]];
  if (kind === "wound" || kind === "features") {
    const more = kind === "features" ? { features: true } : {};
    await decide({ action: "show", kind: "face", polygon, reason: at("mark-wound").dataset.reason, ...more });
    show("home");
    return;
  }
  await decide({ action: "add", kind, polygon });
  startMarking(kind);
  at("mark-ask").textContent = word("script.covered-another");
  at("mark-more").hidden = at("mark-done").hidden = false;
}

function inPhoto(event) {
  const matrix = photo.getScreenCTM().inverse();
  const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(matrix);
  return { x: Math.max(0, Math.min(point.x, size.width)), y: Math.max(0, Math.min(point.y, size.height)) };
}

const between = (a, b) => ({
  x: Math.min(a.x, b.x), y: Math.min(a.y, b.y), width: Math.abs(a.x - b.x), height: Math.abs(a.y - b.y),
});

let down = null;
photo.addEventListener("pointerdown", (event) => {
  if (mode !== "mark") return;
  down = inPhoto(event);
  photo.setPointerCapture(event.pointerId);
});
photo.addEventListener("pointermove", (event) => {
  if (down) drawRect(between(down, inPhoto(event)));
});
photo.addEventListener("pointercancel", () => { down = null; drawRect(null); });
photo.addEventListener("pointerup", (event) => {
  if (!down) return;
  const start = down;
  const end = inPhoto(event);
  down = null;
  const moved = Math.hypot(end.x - start.x, end.y - start.y) / perPixel();
  if (moved >= DRAG) act(photo, () => marked(between(start, end)));
  else if (corner) { const first = corner; act(photo, () => marked(between(first, end))); }
  else {
    corner = end;
    const dot = 14 * perPixel();
    drawRect({ x: end.x - dot / 2, y: end.y - dot / 2, width: dot, height: dot });
    at("mark-ask").textContent = word("script.opposite-corner");
  }
});

function pick(index) {
  area = index;
  show("reason");
  at("reason-of").textContent = word("script.why-uncover", { number: index + 1, kind: word(`kinds.${regions()[index].kind}`) });
  for (const name of ["mark-wound", "mark-features"]) if (at(name)) at(name).hidden = regions()[index].kind !== "face";
}

photo.addEventListener("click", (event) => {
  if (mode !== "uncover") return;
  const point = inPhoto(event);
  const away = regions().map((region) => {
    const xs = region.polygon.map(([x]) => x);
    const ys = region.polygon.map(([, y]) => y);
    const x = Math.max(Math.min(...xs) - point.x, point.x - Math.max(...xs), 0);
    const y = Math.max(Math.min(...ys) - point.y, point.y - Math.max(...ys), 0);
    return Math.hypot(x, y) / perPixel();
  });
  const nearest = away.indexOf(Math.min(...away));
  if (away[nearest] <= REACH) pick(nearest);
});

const ACTS = {
  confirm: async (button) => { await decide({ action: "confirm", kind: button.dataset.confirm }); show("home"); },
  leave: async (button) => { await decide({ action: "leave", kind: button.dataset.leave }); show("home"); },
  hides: async (button) => {
    const own = [...regions().keys()].filter((index) => regions()[index].kind === button.dataset.hides);
    if (own.length === 1) pick(own[0]);
    else show("uncover");
  },
  mark: async (button) => startMarking(button.dataset.mark),
  show: async (button) => show(button.dataset.show),
  area: async (button) => pick(Number(button.dataset.area)),
  reason: async (button) => {
    await decide({ action: "remove", kind: regions()[area].kind, index: area, reason: button.dataset.reason });
    show("home");
  },
  discard: async () => { await leave((await call("POST", "/review/discard", { still })).next); },
};

const BY_ID = {
  "mark-wound": async () => startMarking("wound"),
  "mark-features": async () => {
    if (agreedToFeatures()) startMarking("features");
    else openConsent(() => { if (agreedToFeatures()) startMarking("features"); });
  },
  "mark-more": async () => startMarking(kind),
  "mark-done": async () => {
    if (unanswered().includes(kind)) await decide({ action: "confirm", kind });
    show("home");
  },
  accept: async () => {
    if (!await complete()) return;
    try {
      await leave((await call("POST", "/review/accept", { still, patient: patient() })).next);
    } catch (error) {
      if (error.answer?.error === "encounter-changed") await showKept();
      throw error;
    }
  },
};

function act(part, work) {
  // One thing at a time, whatever part of the page it began at: each is meant for the picture as it was shown.
  busy(part, async () => {
    try {
      await work();
    } catch (error) {
      if (error.answer?.error !== "nothing-in-review") throw error;
      say(error.message);
      sound("failed");
      await new Promise((resume) => setTimeout(resume, GONE));
      await leave("/shoot");
    }
  }, review);
}

side.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button || button.disabled) return;
  const work = BY_ID[button.id] ?? ACTS[Object.keys(button.dataset).find((name) => name in ACTS)];
  if (work) act(button, () => work(button));
});
zoom = openZoom(photo, at("zoom"), size, () => { showPicture(); drawRegions(); });
new ResizeObserver(drawRegions).observe(photo);
show("home");
sound(isAsking() ? "asks" : "taken");
document.body.dataset.ready = "yes";
