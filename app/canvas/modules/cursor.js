// A cursor on the picture for those who use no pointer: arrows move it, Enter clicks, B draws a box, Alt subtracts.

import { named } from "./dom.js";
import { underPoint } from "./describe.js";
import { word } from "./language.js";
import { place } from "./regions.js";

const STEP = 10; // screen pixels of one press; with Shift it is one pixel of the picture

/**
 * Move a cursor by a key. Returns the new place, a pixel of a picture of `size`.
 * `scale`: screen pixels per picture pixel; `fine`: a step of one pixel of the picture.
 */
export function movedCursor({ x, y }, key, size, scale, fine) {
  const step = fine ? 1 : Math.max(1, Math.round(STEP / scale));
  const [dx, dy] = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
  return {
    x: Math.min(Math.max(x + dx * step, 0), size[0] - 1), y: Math.min(Math.max(y + dy * step, 0), size[1] - 1),
  };
}

/** Create the keyboard's cursor of a canvas. */
export function createCursor(canvas) {
  const { element, root, viewport, pointer } = canvas;
  const cross = element.querySelector(".cursor"), spoken = element.querySelector(".spoken");
  let at = null, corner = null;

  function start() {
    if (!at) at = { x: Math.floor(canvas.scene.size[0] / 2), y: Math.floor(canvas.scene.size[1] / 2) };
    root.classList.add("with-cursor");
  }

  function draw() {
    place(cross, canvas.scene.size, at.x + 0.5, at.y + 0.5);
    if (corner) pointer.drawRubber(corner, at);
    const under = underPoint(canvas.scene, at)[0];
    let said = at.x + ", " + at.y;
    if (under) said = word("picture.under", { place: said, name: named(under) });
    if (corner) said = word("picture.corner", { place: said });
    spoken.textContent = said;
  }

  /** Take a key pressed on the stage itself. Returns whether it meant something. */
  function key(event) {
    if (!canvas.scene.picture) return false;
    if (event.key.startsWith("Arrow")) {
      start();
      at = movedCursor(at, event.key, canvas.scene.size, viewport.scale, event.shiftKey);
      viewport.show(at);
    } else if (event.key === "Enter") {
      start();
      if (corner) pointer.box(corner, at);
      else pointer.click(at, !event.altKey);
      leaveBox();
    } else if (event.key.toLowerCase() === "b" && !event.ctrlKey && !event.metaKey) {
      start();
      corner = corner ? null : at;
      if (!corner) pointer.drawRubber(null);
    } else {
      return false;
    }
    draw();
    return true;
  }

  function leaveBox() {
    corner = null;
    pointer.drawRubber(null);
  }

  /** Cancel a box that is being drawn. Returns whether there was one. */
  function escape() {
    const had = Boolean(corner);
    leaveBox();
    return had;
  }

  function reset() {
    at = corner = null;
    root.classList.remove("with-cursor");
  }

  element.querySelector(".stage").addEventListener("pointerdown", () => root.classList.remove("with-cursor"));
  return { key, escape, reset };
}
