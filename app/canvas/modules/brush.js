// The brush and the eraser: a stroke is drawn live, and told to Python as a line of points with a radius.

import { make } from "./dom.js";

const SIZES = { least: 3, most: 80, start: 14 }; // screen pixels, the brush's radius
const APART = 2; // screen pixels between two points of a stroke
const MOST_POINTS = 2000; // of one stroke; Python refuses more

/** Leave out the points of a line that lie closer than `least` to the one before; the last one stays. */
export function thinned(points, least) {
  const kept = [];
  points.forEach((point, index) => {
    const last = kept.at(-1);
    const far = !last || Math.hypot(point.x - last.x, point.y - last.y) >= least;
    if (far || index === points.length - 1) kept.push(point);
  });
  return kept;
}

/** Create the brush of a canvas. */
export function createBrush(canvas) {
  const { element, root, viewport, trigger } = canvas;
  const svg = element.querySelector(".stroke"), ring = element.querySelector(".brush-ring");
  const slider = element.querySelector(".brush-size input");
  let radius = SIZES.start, points = [], line = null;

  slider.min = SIZES.least;
  slider.max = SIZES.most;
  slider.value = radius;
  slider.addEventListener("input", () => resize(Number(slider.value)));

  function resize(to) {
    radius = Math.min(Math.max(to, SIZES.least), SIZES.most);
    slider.value = radius;
    root.style.setProperty("--brush", 2 * radius + "px");
  }

  /** Draw on to a point of the picture, or begin there. */
  function draw(at, add, begins) {
    if (begins) {
      points = [];
      const { selected, scene } = canvas;
      svg.setAttribute("viewBox", "0 0 " + scene.size.join(" "));
      svg.textContent = "";
      line = make("svg:path", (add ? "painting" : "erasing") + (selected ? " hue-" + selected.hue : ""), {
        "stroke-width": (2 * radius) / viewport.scale,
      });
      svg.append(line);
    }
    if (!line) return;
    points.push(at);
    line.setAttribute("d", "M" + points.map(({ x, y }) => x + " " + y).join("L") + (points.length === 1 ? "h.001" : ""));
  }

  /** A new scene is drawn: a stroke that was handed over goes, one that is being drawn stays. */
  function settled() {
    if (!points.length) clear();
  }

  /** Hand the stroke over; it stays in sight until the answer is drawn. */
  function finish(add) {
    if (!points.length) return;
    let told = thinned(points, APART / viewport.scale);
    while (told.length > MOST_POINTS) told = told.filter((_, index) => index % 2 === 0);
    points = [];
    trigger("stroke", { points: told.map(({ x, y }) => [Math.round(x), Math.round(y)]), radius: Math.max(1, radius / viewport.scale), add, id: canvas.scene.selected });
  }

  function clear() {
    points = [];
    line = null;
    svg.textContent = "";
  }

  /** Let the ring that shows the brush's size follow the pointer, in pixels of the stage. */
  function follow(x, y) { ring.style.transform = "translate(" + x + "px, " + y + "px)"; }

  resize(SIZES.start);
  return { draw, finish, clear, settled, follow, larger: () => resize(radius * 1.25), smaller: () => resize(radius / 1.25) };
}
