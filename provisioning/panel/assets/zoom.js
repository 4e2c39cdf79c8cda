// Zoom by buttons: no pinch and no drag. The picture's part in view is the SVG's viewBox.

const STEP = 1.6;
const MOST = STEP ** 5;
const MOVE = 0.4;
const WAYS = { left: [-1, 0], right: [1, 0], up: [0, -1], down: [0, 1] };

const within = (value, least, most) => Math.max(least, Math.min(value, most));

export function openZoom(photo, buttons, size, changed) {
  const middle = { x: size.width / 2, y: size.height / 2 };
  let scale = 1;

  function show() {
    const width = size.width / scale;
    const height = size.height / scale;
    // Its edges can be moved to the middle, so that no corner stays under a button. Whole again, it stands still.
    const [x, y] = scale === 1 ? [size.width / 2, size.height / 2] : [0, 0];
    middle.x = within(middle.x, x, size.width - x);
    middle.y = within(middle.y, y, size.height - y);
    photo.setAttribute("viewBox", [middle.x - width / 2, middle.y - height / 2, width, height].join(" "));
    for (const button of buttons.querySelectorAll("[data-move]")) button.hidden = scale === 1;
    buttons.querySelector("[data-zoom=in]").disabled = scale >= MOST;
    buttons.querySelector("[data-zoom=out]").disabled = scale === 1;
    changed();
  }

  buttons.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    if (button.dataset.zoom) scale = within(button.dataset.zoom === "in" ? scale * STEP : scale / STEP, 1, MOST);
    else {
      const [x, y] = WAYS[button.dataset.move];
      middle.x += x * MOVE * size.width / scale;
      middle.y += y * MOVE * size.height / scale;
    }
    show();
  });
  show();
  return () => scale;
}
