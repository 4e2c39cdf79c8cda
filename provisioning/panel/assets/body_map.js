// The body map: a drawn body whose parts are buttons, larger views of head, hands and feet, and a list of all sites.

const dialog = document.getElementById("site-dialog");
const both = document.getElementById("both-sides");

export function openView(name) {
  for (const view of dialog.querySelectorAll("[data-view]")) view.toggleAttribute("hidden", view.dataset.view !== name);
  for (const button of dialog.querySelectorAll("[data-shows]")) {
    button.setAttribute("aria-pressed", String(button.dataset.shows === name));
  }
}

export function markChosen(code, side) {
  for (const spot of dialog.querySelectorAll("[data-spot]")) {
    const here = spot.dataset.spot === code && (spot.dataset.spotSide === side || (side === "bilateral" && spot.dataset.spotSide));
    spot.setAttribute("aria-pressed", String(Boolean(here)));
  }
  for (const site of dialog.querySelectorAll("[data-site]")) site.setAttribute("aria-pressed", String(site.dataset.site === code));
  both.setAttribute("aria-pressed", String(side === "bilateral"));
}

export function onChosen(chosen) {
  // Calls `chosen` with the code and the side of what was touched; the side is "" in the body's middle.
  const touch = (spot) => {
    if (spot.dataset.leads) {
      openView(spot.dataset.leads);
      dialog.querySelector(`[data-shows="${spot.dataset.leads}"]`).focus();
      return;
    }
    const side = spot.dataset.spotSide;
    chosen(spot.dataset.spot, side && both.getAttribute("aria-pressed") === "true" ? "bilateral" : side);
  };
  for (const spot of dialog.querySelectorAll(".spot")) {
    spot.addEventListener("click", () => touch(spot));
    spot.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      if (!event.repeat) touch(spot);
    });
  }
}

for (const button of dialog.querySelectorAll("[data-shows]")) {
  button.addEventListener("click", () => openView(button.dataset.shows));
}
both.addEventListener("click", () => both.setAttribute("aria-pressed", String(both.getAttribute("aria-pressed") !== "true")));
