// The live view: asks for one moment, draws it, asks for the next. A slow screen gets fewer frames, never old ones; where
// no moment comes any more, none stays on the screen as if it were now.

import { covered, word } from "./words.js";

const LABEL = 17;
const OLD = 2000;
const INK = "#16130f";
const PAPER = "#e6ddcf";
const OUTLINE = "rgb(230 221 207 / 0.55)";

function parse(buffer) {
  const length = new DataView(buffer).getUint32(0);
  const facts = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { facts, jpeg: new Blob([new Uint8Array(buffer, 4 + length)], { type: "image/jpeg" }) };
}

function fitted(canvas, width, height) {
  const scale = Math.min(canvas.width / width, canvas.height / height);
  return { scale, x: (canvas.width - width * scale) / 2, y: (canvas.height - height * scale) / 2 };
}

function label(pen, text, x, y, ratio, taken, edge) {
  const size = LABEL * ratio;
  pen.font = `600 ${size}px system-ui, sans-serif`;
  const width = pen.measureText(text).width + size;
  const height = size * 1.5;
  const left = Math.max(edge.left, Math.min(x - width / 2, edge.right - width));
  const top = Math.max(edge.top, Math.min(y - height / 2, edge.bottom - height));
  if (taken.some((t) => left < t.right && left + width > t.left && top < t.bottom && top + height > t.top)) return;
  taken.push({ left, top, right: left + width, bottom: top + height });
  pen.fillStyle = INK;
  pen.beginPath();
  pen.roundRect(left, top, width, height, height / 2);
  pen.fill();
  pen.fillStyle = PAPER;
  pen.fillText(text, left + size / 2, top + size * 1.1);
}

function draw(canvas, picture, facts) {
  const pen = canvas.getContext("2d", { alpha: false });
  const ratio = devicePixelRatio;
  const fit = fitted(canvas, facts.width, facts.height);
  pen.fillStyle = INK;
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.drawImage(picture, fit.x, fit.y, facts.width * fit.scale, facts.height * fit.scale);
  const edge = {
    left: fit.x, top: fit.y, right: fit.x + facts.width * fit.scale, bottom: fit.y + facts.height * fit.scale,
  };
  const taken = [];
  pen.lineWidth = 2 * ratio;
  pen.strokeStyle = OUTLINE;
  const outlines = facts.regions.map((region) => region.polygon.map(([x, y]) => [fit.x + x * fit.scale, fit.y + y * fit.scale]));
  for (const corners of outlines) {
    pen.beginPath();
    corners.forEach(([x, y], place) => (place ? pen.lineTo(x, y) : pen.moveTo(x, y)));
    pen.closePath();
    pen.stroke();
  }
  facts.regions.forEach((region, place) => {
    const xs = outlines[place].map(([x]) => x);
    const ys = outlines[place].map(([, y]) => y);
    const x = (Math.min(...xs) + Math.max(...xs)) / 2;
    const y = (Math.min(...ys) + Math.max(...ys)) / 2;
    label(pen, word(`kinds.${region.kind}`), x, y, ratio, taken, edge);
  });
}

function blank(canvas) {
  const pen = canvas.getContext("2d", { alpha: false });
  pen.fillStyle = INK;
  pen.fillRect(0, 0, canvas.width, canvas.height);
}

export function openViewfinder(canvas, seen, onLive, path = "/live", onAdvice = () => {}) {
  let wanted = true;
  let now;
  let silence;
  const resize = () => {
    canvas.width = Math.round(canvas.clientWidth * devicePixelRatio);
    canvas.height = Math.round(canvas.clientHeight * devicePixelRatio);
    blank(canvas);
  };
  new ResizeObserver(resize).observe(canvas);
  canvas.dataset.frames = "0";

  function gone() {
    clearTimeout(silence);
    blank(canvas);
    seen.hidden = true;
    onAdvice("good");
    onLive(false);
  }

  function connect() {
    const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${path}`);
    now = socket;
    socket.binaryType = "arraybuffer";
    socket.addEventListener("message", async (message) => {
      const { facts, jpeg } = parse(message.data);
      const fresh = facts.camera.state === "ready" && facts.age_ms < OLD && jpeg.size;
      const picture = fresh ? await createImageBitmap(jpeg).catch(() => null) : null;
      if (socket.readyState !== WebSocket.OPEN) return;  // it ended while that was decoded
      if (picture) {
        clearTimeout(silence);
        silence = setTimeout(gone, OLD);
        draw(canvas, picture, facts);
        picture.close();
        canvas.dataset.frames = String(Number(canvas.dataset.frames) + 1);
        canvas.dataset.sequence = String(facts.sequence);
        const sentence = covered(facts.regions);
        if (seen.textContent !== sentence) seen.textContent = sentence;
        seen.hidden = false;
        onAdvice(facts.advice ?? "good");
        onLive(true);
      } else {
        gone();
      }
      socket.send("next");
    });
    socket.addEventListener("close", (event) => {
      gone();
      if (event.code === 4401) location.replace("/");
      else if (wanted) setTimeout(() => wanted && connect(), 1000);
    });
  }
  connect();
  return () => {
    wanted = false;
    now.close();
  };
}
