// The keyboard: on the picture itself, on its regions, and the few shortcuts of the whole page.

import { takesText } from "./dom.js";
import { STEP } from "./view.js";

/** Listen to the keys of the stage. */
export function listenOnStage(canvas) {
  const { stage, root, element, trigger } = canvas;
  const svg = element.querySelector(".overlay");

  function onRegion(event, id) {
    const ids = [...svg.querySelectorAll(".thing")].map((node) => Number(node.dataset.region)).sort((a, b) => a - b);
    const way = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (way) {
      const next = ids[(ids.indexOf(id) + way + ids.length) % ids.length];
      svg.querySelectorAll(".thing").forEach((node) => node.setAttribute("tabindex", "-1"));
      const thing = svg.querySelector('[data-region="' + next + '"]');
      thing.setAttribute("tabindex", "0");
      thing.focus();
    } else if (event.key === "Enter") {
      canvas.select(id);
    } else {
      return false;
    }
    return true;
  }

  function onAny(event, id) {
    const scene = canvas.scene;
    if ((event.key === "Delete" || event.key === "Backspace") && (id ?? scene.selected) !== null) {
      trigger("remove", { id: id ?? scene.selected });
    } else if (event.key === " ") {
      canvas.pointer.moving(true);
    } else if (event.key === "+" || event.key === "=") {
      canvas.viewport.zoomBy(STEP);
    } else if (event.key === "-") {
      canvas.viewport.zoomBy(1 / STEP);
    } else if (event.key === "0") {
      canvas.viewport.fit("whole");
    } else if (event.key === "9") {
      canvas.viewport.fit("filled");
    } else if (event.key === "[" || event.key === "]") {
      canvas.brush[event.key === "]" ? "larger" : "smaller"]();
    } else {
      return false;
    }
    return true;
  }

  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.target.closest(".dot, .refining, .split")) return;
    const region = event.target.closest("[data-region]");
    const id = region ? Number(region.dataset.region) : null;
    const done = (id === null ? canvas.cursor.key(event) : onRegion(event, id)) || onAny(event, id);
    if (done) event.preventDefault();
  });
  stage.addEventListener("keyup", (event) => { if (event.key === " ") canvas.pointer.moving(false); });
  stage.addEventListener("blur", () => root.classList.remove("with-cursor"));
}

/** Listen to the shortcuts that work wherever nothing is being typed. */
export function listenOnPage(canvas) {
  const { element, root } = canvas;

  // a single letter is a shortcut only on the canvas, or where nothing has the focus
  const ours = (event) => element.contains(event.target) || event.target === document.body;

  function candidate(number) {
    const region = canvas.selected;
    if (!region || number > region.candidates.length) return false;
    if (number - 1 !== region.chosen) canvas.trigger("choose_mask", { id: region.id, candidate: number - 1 });
    return true;
  }

  function undone(event) {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "z") return false;
    document.querySelector(event.shiftKey ? "#redo" : "#undo")?.click();
    return true;
  }

  function single(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || !ours(event)) return false;
    if (/^[1-8]$/.test(event.key)) return candidate(Number(event.key));
    if (event.key.toLowerCase() === "f" && canvas.scene.picture) canvas.fullScreen();
    else if (event.key.toLowerCase() === "v" && canvas.scene.before) canvas.compare.hold(true);
    else return false;
    return true;
  }

  document.addEventListener("keydown", (event) => {
    if (takesText(event.target) || event.defaultPrevented) return;
    const done = event.key === "Escape" ? canvas.escape() : undone(event) || single(event);
    if (done) event.preventDefault();
  });
  document.addEventListener("keyup", (event) => { if (event.key.toLowerCase() === "v") canvas.compare.hold(false); });
  window.addEventListener("blur", () => {
    canvas.compare.hold(false);
    root.classList.remove("moving");
  });
}
