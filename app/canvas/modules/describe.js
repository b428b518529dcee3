// What is on the picture, in words: for those who hear the page.

import { named } from "./dom.js";
import { word } from "./language.js";

const MOST = 12; // things that are named one by one

const PLACES = [
  ["picture.top_left", "picture.top", "picture.top_right"],
  ["picture.left", "picture.middle", "picture.right"],
  ["picture.bottom_left", "picture.bottom", "picture.bottom_right"],
];

/** Return where a box lies on a picture of `size`, for example "at the top left" or "in the middle". */
export function whereabouts([x1, y1, x2, y2], [width, height]) {
  if (x2 - x1 > 0.85 * width && y2 - y1 > 0.85 * height) return word("picture.all_over");
  const third = (middle, whole) => Math.min(2, Math.max(0, Math.floor((3 * middle) / whole)));
  return word(PLACES[third((y1 + y2) / 2, height)][third((x1 + x2) / 2, width)]);
}

/** Return the picture's alternative text: its size, and what was found where. */
export function pictureText({ regions, size: [width, height] }) {
  const size = word("picture.size", { width, height });
  if (!regions.length) return size + " " + word("picture.nothing");
  const things = regions.slice(0, MOST).map((region) =>
    word("picture.thing", { name: named(region), place: whereabouts(region.box, [width, height]) })).join(word("picture.between"));
  const rest = regions.length > MOST ? word("picture.and") + word("picture.more", { count: regions.length - MOST }) : "";
  return size + " " + word("picture.found", { things: things + rest });
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
  const percent = share >= 10 ? Math.round(share) : share >= 0.1 ? share.toFixed(1) : word("picture.small");
  return word("picture.area", { percent });
}
