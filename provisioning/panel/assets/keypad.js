// The keypad on the screen: types into its field, and leaves the focus there for a badge scanner. What is selected as a
// whole is replaced, as by any keyboard.

for (const keypad of document.querySelectorAll("[data-keypad]")) {
  const field = document.getElementById(keypad.dataset.keypad);
  const kept = () => (field.selectionStart === 0 && field.selectionEnd === field.value.length ? "" : field.value);
  keypad.addEventListener("pointerdown", (event) => event.preventDefault());
  keypad.addEventListener("click", (event) => {
    const key = event.target.closest("button");
    if (!key) return;
    if (key.dataset.key && kept().length < field.maxLength) field.value = kept() + key.dataset.key;
    if ("erase" in key.dataset) field.value = kept().slice(0, -1);
    if (key.dataset.layer) {
      for (const layer of keypad.querySelectorAll(".keys")) layer.hidden = !layer.classList.contains(key.dataset.layer);
    }
    if (key.type !== "submit") field.dispatchEvent(new Event("input", { bubbles: true }));
  });
}
