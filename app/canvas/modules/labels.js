// Where the labels go: none lies on another label or on the thing that it names. Pure functions; rectangles are
// {left, top, width, height}, boxes are [x1, y1, x2, y2], polygons are lists of [x, y], all in stage pixels.

const GAP = 3; // pixels between a label and its thing
const RINGS = [14, 30, 50, 75, 105, 140]; // pixels from the thing at which a label with a leader is tried
const TURNS = 12; // places tried on each ring
const CROWD = 60; // with more things than this no leaders are tried
const STEPS_APART = 40; // what covering the whole label by another thing costs, in places further down the list

/** Parse an outline of "M x yL x y...Z" parts into polygons. */
export function polygonsOf(outline) {
  return outline.split("M").slice(1).map((part) =>
    part.replace("Z", "").split("L").map((pair) => pair.trim().split(/\s+/).map(Number)));
}

/** Return the polygons scaled and moved: x * scale + left, y * scale + top. */
export function transformed(polygons, scale, left, top) {
  return polygons.map((polygon) => polygon.map(([x, y]) => [x * scale + left, y * scale + top]));
}

/** Say whether two rectangles share area. */
export function overlap(a, b) {
  return a.left < b.left + b.width && b.left < a.left + a.width &&
    a.top < b.top + b.height && b.top < a.top + a.height;
}

/** Say whether a rectangle touches the area that polygons enclose, by the even-odd rule. */
export function onPolygons(rect, polygons) {
  const [x1, y1, x2, y2] = [rect.left, rect.top, rect.left + rect.width, rect.top + rect.height];
  let inside = false; // whether the rectangle's first corner is enclosed
  for (const polygon of polygons) {
    for (let i = 0, j = polygon.length - 1; i < polygon.length; j = i++) {
      const [ax, ay] = polygon[j], [bx, by] = polygon[i];
      if (crosses(ax, ay, bx, by, x1, y1, x2, y2)) return true;
      if (ay > y1 !== by > y1 && x1 < ((bx - ax) * (y1 - ay)) / (by - ay) + ax) inside = !inside;
    }
  }
  return inside;
}

// Liang and Barsky's clipping: does the segment reach into the rectangle?
function crosses(ax, ay, bx, by, x1, y1, x2, y2) {
  const dx = bx - ax, dy = by - ay;
  let from = 0, to = 1;
  for (const [p, q] of [[-dx, ax - x1], [dx, x2 - ax], [-dy, ay - y1], [dy, y2 - ay]]) {
    if (p === 0) {
      if (q < 0) return false;
      continue;
    }
    const t = q / p;
    if (p < 0) from = Math.max(from, t);
    else to = Math.min(to, t);
    if (from > to) return false;
  }
  return true;
}

function covers(thing, rect) {
  if (thing.polygons && thing.polygons.length) return onPolygons(rect, thing.polygons);
  const [x1, y1, x2, y2] = thing.box;
  return overlap(rect, { left: x1, top: y1, width: x2 - x1, height: y2 - y1 });
}

function besides([x1, y1, x2, y2], width, height) {
  const above = y1 - height - GAP, below = y2 + GAP, right = x2 + GAP, left = x1 - width - GAP;
  const middle = (x1 + x2 - width) / 2;
  return [
    [x1, above], [x2 - width, above], [middle, above], [x1, below], [x2 - width, below], [middle, below],
    [right, y1], [left, y1], [right, y2 - height], [left, y2 - height],
    // corners of the box that the outline leaves free
    [x1, y1], [x2 - width, y1], [x1, y2 - height], [x2 - width, y2 - height],
  ];
}

function around([x1, y1, x2, y2], width, height) {
  const places = [];
  for (const ring of RINGS) {
    for (let turn = 0; turn < TURNS; turn++) {
      const angle = (2 * Math.PI * turn) / TURNS - Math.PI / 2;
      const reachX = (x2 - x1 + width) / 2 + ring, reachY = (y2 - y1 + height) / 2 + ring;
      places.push([
        (x1 + x2 - width) / 2 + Math.cos(angle) * reachX, (y1 + y2 - height) / 2 + Math.sin(angle) * reachY,
      ]);
    }
  }
  return places;
}

/** Return the best free place in a list, or null. */
function best(places, thing, width, height, taken, others, stage) {
  let found = null, least = Infinity;
  places.forEach(([x, y], index) => {
    if (index >= least) return;
    const rect = {
      left: Math.min(Math.max(x, 0), stage.width - width), top: Math.min(Math.max(y, 0), stage.height - height),
      width, height,
    };
    if (rect.left < 0 || rect.top < 0 || covers(thing, rect)) return;
    if (taken.some((other) => overlap(rect, other))) return;
    const cost = index + STEPS_APART * others.reduce((sum, other) => sum + shared(rect, other), 0);
    if (cost < least) [found, least] = [rect, cost];
  });
  return found;
}

function shared(rect, [x1, y1, x2, y2]) {
  const w = Math.min(rect.left + rect.width, x2) - Math.max(rect.left, x1);
  const h = Math.min(rect.top + rect.height, y2) - Math.max(rect.top, y1);
  return w > 0 && h > 0 ? (w * h) / (rect.width * rect.height) : 0;
}

function visible([x1, y1, x2, y2], stage) {
  return [Math.max(x1, 0), Math.max(y1, 0), Math.min(x2, stage.width), Math.min(y2, stage.height)];
}

/**
 * Place the labels of things on a stage.
 *
 * `things`: [{id, box, polygons or null, width, height, short}], in the order of their claim to a good place;
 * width and height are the label's, `short` is the width of the number alone. `stage`: {width, height}.
 * Returns a Map from id to {left, top, width, height, compact, leader}: `compact` where there was room for the number
 * only, `leader` the point of the thing that a line leads to. A thing out of sight, or one that leaves no room, has none.
 */
export function placeLabels(things, stage) {
  const seen = things.map((thing) => ({ ...thing, box: visible(thing.box, stage) }))
    .filter(({ box }) => box[2] > box[0] && box[3] > box[1]);
  const taken = [], places = new Map();
  for (const thing of seen) {
    const others = seen.filter((other) => other !== thing).map((other) => other.box);
    const tries = [
      [besides, thing.width, false], [besides, thing.short, true],
      ...(seen.length > CROWD ? [] : [[around, thing.width, false], [around, thing.short, true]]),
    ];
    for (const [where, width, compact] of tries) {
      const rect = best(where(thing.box, width, thing.height), thing, width, thing.height, taken, others, stage);
      if (!rect) continue;
      taken.push(rect);
      places.set(thing.id, { ...rect, compact, leader: where === around ? nearest(rect, thing) : null });
      break;
    }
  }
  return places;
}

function nearest(rect, { box: [x1, y1, x2, y2], polygons }) {
  const x = rect.left + rect.width / 2, y = rect.top + rect.height / 2;
  let point = [Math.min(Math.max(x, x1), x2), Math.min(Math.max(y, y1), y2)], least = Infinity;
  for (const [px, py] of (polygons || []).flat()) {
    const distance = Math.hypot(px - x, py - y);
    if (distance < least) [point, least] = [[px, py], distance];
  }
  return point;
}
