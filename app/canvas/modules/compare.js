// Before and after: the picture as it was, while a button or the B key is held, or beside today's by a slider.

const THUMB = 16; // pixels, the width of the slider's thumb
const TAP = 250; // milliseconds; a shorter press of the button opens the slider

/** Create the comparison for the pictures of `canvas.scene`. */
export function createCompare(canvas) {
  const { element, root } = canvas;
  const img = element.querySelector(".picture"), before = element.querySelector(".before");
  const button = element.querySelector("[data-hold]"), split = element.querySelector(".split");
  let pressed = 0; // when the button was pressed, or 0

  function hold(on) {
    const { before: then, picture: now } = canvas.scene;
    if (!then || on === root.classList.contains("holding")) return;
    root.classList.toggle("holding", on);
    img.src = (on ? then : now).url;
  }

  function slide(on) {
    const can = on && Boolean(canvas.scene.before);
    root.classList.toggle("comparing", can);
    button.setAttribute("aria-pressed", String(can));
    if (can) before.src = canvas.scene.before.url;
    if (can) move();
  }

  /** Let the line between the two pictures follow the slider, which lies on the stage and not on the picture. */
  function move() {
    const bar = split.getBoundingClientRect(), { left, width } = img.getBoundingClientRect();
    const share = Number(split.value) / 100;
    const at = bar.left + THUMB / 2 + (bar.width - THUMB) * share - left;
    root.style.setProperty("--split", (share === 0 ? 0 : share === 1 ? width : at) + "px");
  }

  button.addEventListener("pointerdown", () => {
    pressed = performance.now();
    hold(true);
  });
  document.addEventListener("pointerup", () => hold(false));
  document.addEventListener("pointercancel", () => hold(false));
  button.addEventListener("click", (event) => {
    // a click by the keyboard comes without a press of a pointer
    const short = event.detail === 0 || performance.now() - pressed < TAP;
    if (short) slide(!root.classList.contains("comparing"));
  });
  split.addEventListener("input", move);

  /** Follow a new scene: a comparison with nothing to compare ends. */
  function follow() {
    root.classList.remove("holding");
    root.classList.toggle("has-before", Boolean(canvas.scene.before));
    slide(root.classList.contains("comparing"));
  }

  return { hold, slide, follow, move };
}
