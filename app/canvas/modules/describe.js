// What is on the picture, in words: for those who hear the page.

import { named } from "./dom.js";

const MOST = 12; // things that are named one by one

/** Return where a box lies on a picture of `size`, for example "at the top left" or "in the middle". */
export function whereabouts([x1, y1, x2, y2], [width, height]) {
  const third = (middle, whole, words) => words[Math.min(2, Math.max(0, Math.floor((3 * middle) / whole)))];
  const across = third((x1 + x2) / 2, width, ["left", "", "right"]);
  const down = third((y1 + y2) / 2, height, ["top", "", "bottom"]);
  if (x2 - x1 > 0.85 * width && y2 - y1 > 0.85 * height) return "all over";
  return across || down ? "at the " + [down, across].filter(Boolean).join(" ") : "in the middle";
}

/** Return the picture's alternative text: its size, and what was found where. */
export function pictureText(scene) {
  const size = "A picture of " + scene.size.join(" by ") + " pixels.";
  const { regions } = scene;
  if (!regions.length) return size + " Nothing has been found on it yet.";
  const things = regions.slice(0, MOST).map((region) => named(region) + " " + whereabouts(region.box, scene.size));
  const rest = regions.length > MOST ? ", and " + (regions.length - MOST) + " more" : "";
  return size + " Found: " + things.join(", ") + rest + ".";
}

/** Return what lies under a point, smallest thing first. */
export function underPoint(scene, { x, y }) {
  const area = ([x1, y1, x2, y2]) => (x2 - x1) * (y2 - y1);
  return scene.regions
    .filter(({ box: [x1, y1, x2, y2] }) => x >= x1 && x < x2 && y >= y1 && y < y2)
    .sort((a, b) => area(a.box) - area(b.box));
}

/** Return the share of the picture that a region covers, in words, or "" where its area is not known. */
export function areaText(region, [width, height]) {
  if (!region.area) return "";
  const share = (100 * region.area) / (width * height);
  const percent = share >= 10 ? Math.round(share) : share >= 0.1 ? share.toFixed(1) : "under 0.1";
  return percent + " % of the picture";
}
