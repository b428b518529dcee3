// Lighting up: one set of listeners for the whole page ties phrases, rows, labels and regions together.

/** Return the region numbers that a node stands for. */
export function regionsOf(node) {
  const region = node instanceof Element && node.closest(".region");
  return region ? [...region.classList].filter((name) => /^region-\d+$/.test(name)).map((name) => name.slice(7)) : [];
}

const AFTER_TOUCH = 700; // milliseconds in which a tap's own mouse events come; later ones a browser makes up

/** Light up whatever the pointer or the focus is on. */
export function createLight(root) {
  let lit = [];
  let touched = 0; // when a finger came down, which hovers over nothing once it is up; 0: a mouse is used

  function light(ids) {
    lit = ids;
    document.querySelectorAll(".region.lit").forEach((node) => node.classList.remove("lit"));
    for (const id of ids) {
      document.querySelectorAll(".region-" + id).forEach((node) => node.classList.add("lit"));
    }
    root.classList.toggle("lighting", ids.length > 0);
  }

  function lightFrom(event) {
    const madeUp = touched && event.type === "mouseover" && event.timeStamp - touched > AFTER_TOUCH;
    if (madeUp || event.target.closest?.(".tour-card")) return; // what the tour lights up stays so under its own card
    const ids = regionsOf(event.target);
    if (String(ids) !== String(lit)) light(ids);
  }

  document.addEventListener("pointerdown", (event) => { touched = event.pointerType === "touch" ? event.timeStamp : 0; }, true);
  document.addEventListener("mouseover", lightFrom, true);
  document.addEventListener("focusin", lightFrom, true);
  return { again: () => light(touched ? [] : lit) };
}

/** Call `choose(id)` when a phrase of the conversation is clicked, or Enter is pressed on it. */
export function watchPhrases(element, choose) {
  function chosen(event) {
    const phrase = event.target instanceof Element && event.target.closest("span.region");
    if (!phrase || element.contains(phrase)) return;
    if (event.type === "keydown" && event.key !== "Enter") return;
    choose(Number(regionsOf(phrase)[0]));
  }
  document.addEventListener("click", chosen, true);
  document.addEventListener("keydown", chosen, true);
}
