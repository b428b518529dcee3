// The regions on the picture: outlines, boxes, joints, clicks and the reading order as SVG, and their labels.

import { make, named, regionClasses } from "./dom.js";
import { word } from "./language.js";
import { placeLabels, polygonsOf, transformed } from "./labels.js";

const CLEARANCE = 2; // pixels kept free around a label

function area({ box: [x1, y1, x2, y2] }) {
  return (x2 - x1) * (y2 - y1);
}

/** Put a node at a pixel of the picture; it keeps its place when the picture is zoomed. */
export function place(node, size, x, y) {
  node.style.left = (100 * x) / size[0] + "%";
  node.style.top = (100 * y) / size[1] + "%";
}

/** Draw every region of a scene. `hidden`: the numbers that the visitor's eye switch has hidden. */
export function drawRegions({ svg, dots }, scene, limbs, hidden) {
  svg.textContent = "";
  dots.textContent = "";
  // large ones first, so that small ones stay within reach of the pointer
  const shown = scene.regions.filter((region) => !hidden.has(region.id)).sort((a, b) => area(b) - area(a));
  for (const region of shown) {
    svg.append(thing(region, scene, limbs));
    region.clicks.forEach(([x, y, positive], index) => {
      const dot = make("button", regionClasses("dot", region, scene.selected) + (positive ? " plus" : " minus"), {
        type: "button", "data-dot": index, "data-region": region.id,
        title: word("picture.click_back"), "aria-label": word("picture.click_back_of", { name: named(region) }),
      });
      place(dot, scene.size, x + 0.5, y + 0.5);
      dots.append(dot);
    });
  }
  drawOrder(svg, scene, hidden);
  // one of the regions is reached by Tab, the others by the arrow keys
  const stop = svg.querySelector(".thing.selected") || svg.querySelector('[data-region="' + scene.regions[0]?.id + '"]');
  (stop || svg.querySelector(".thing"))?.setAttribute("tabindex", "0");
}

function thing(region, scene, limbs) {
  const [x1, y1, x2, y2] = region.box;
  const group = make("svg:g", regionClasses("thing", region, scene.selected), {
    tabindex: "-1", role: "button", "data-region": region.id, "aria-label": named(region),
    "aria-pressed": String(region.id === scene.selected),
  });
  const frame = { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) };
  group.append(make("svg:rect", "hit", frame));
  if (region.outline) {
    group.append(make("svg:path", "halo", { d: region.outline }));
    group.append(make("svg:path", "mask", { d: region.outline, "fill-rule": "evenodd" }));
  } else if (!region.joints.length) {
    group.append(make("svg:rect", "box-halo", frame));
  }
  group.append(make("svg:rect", region.outline || region.joints.length ? "box faint" : "box", frame));
  drawJoints(group, region, limbs);
  return group;
}

function drawJoints(group, { joints }, limbs) {
  for (const [a, b] of limbs) {
    if (!joints[a] || !joints[b] || !joints[a][2] || !joints[b][2]) continue;
    group.append(make("svg:line", "limb", {
      x1: joints[a][0] + 0.5, y1: joints[a][1] + 0.5, x2: joints[b][0] + 0.5, y2: joints[b][1] + 0.5,
    }));
  }
  for (const [x, y, visible] of joints) {
    // a line of no length with round ends is a dot that keeps its size on the screen
    if (visible) group.append(make("svg:path", visible === 1 ? "joint hidden-joint" : "joint", {
      d: "M" + (x + 0.5) + " " + (y + 0.5) + "h.001",
    }));
  }
}

// A document's blocks are joined in the order in which they are read, from the corner of each to the next.
function drawOrder(svg, scene, hidden) {
  const blocks = (scene.order || []).filter((id) => !hidden.has(id))
    .map((id) => scene.regions.find((region) => region.id === id)).filter(Boolean);
  if (blocks.length < 2) return;
  const points = blocks.map(({ box: [x1, y1, x2, y2] }) => [(x1 + x2) / 2, (y1 + y2) / 2]);
  const order = make("svg:g", "order", { "aria-hidden": "true" });
  const line = "M" + points.map((point) => point.join(" ")).join("L");
  order.append(make("svg:path", "order-halo", { d: line }), make("svg:path", "order-line", { d: line }));
  points.forEach(([x, y]) => order.append(make("svg:path", "order-stop", { d: "M" + x + " " + y + "h.001" })));
  svg.append(order);
}

/** Draw the pixels that an edit may change: shaded before it paints, so that what stays stands out. */
export function drawHole({ root, element, scene }) {
  const { hole } = scene, said = element.querySelector(".hole-said");
  root.classList.toggle("has-hole", Boolean(hole));
  said.textContent = hole ? word(hole.most ? "picture.hole_most" : "picture.hole") : "";
  if (!hole) return;
  const svg = element.querySelector(".overlay");
  for (const kind of ["hole-shade", "hole-halo", "hole-edge"]) {
    svg.append(make("svg:path", kind, { d: hole.outline, "fill-rule": "evenodd" }));
  }
}

/** Create the labels over a stage. */
export function createLabels(labels, leaders) {
  let known = [];

  /** Make the labels of a scene anew and measure them. */
  function draw(scene, hidden) {
    labels.textContent = "";
    known = scene.regions.filter((region) => !hidden.has(region.id)).map((region) => {
      const tag = make("div", regionClasses("tag", region, scene.selected), { "data-region": region.id, "aria-hidden": "true" });
      const number = make("span", "tag-number", {}, "#" + region.id);
      tag.append(number);
      if (region.label) tag.append(make("span", "tag-label", {}, " " + region.label));
      labels.append(tag);
      return { region, tag, number, polygons: region.outline ? polygonsOf(region.outline) : null };
    });
    for (const entry of known) {
      entry.width = entry.tag.offsetWidth + 2 * CLEARANCE;
      entry.height = entry.tag.offsetHeight + 2 * CLEARANCE;
      entry.short = entry.number.offsetWidth + (entry.tag.offsetWidth - entry.tag.clientWidth) + 16 + 2 * CLEARANCE;
    }
    // the selected thing has the first claim to a good place, then small ones, which have the fewest
    known.sort((a, b) => (b.region.id === scene.selected) - (a.region.id === scene.selected) || area(a.region) - area(b.region));
  }

  /** Place the labels for a view: `at` says where the picture lies on the stage. */
  function arrange(at, stage) {
    const things = known.map(({ region: { id, box }, polygons, width, height, short }) => ({
      id, width, height, short: Math.min(short, width),
      box: [box[0] * at.scale + at.left, box[1] * at.scale + at.top, box[2] * at.scale + at.left, box[3] * at.scale + at.top],
      polygons: polygons && transformed(polygons, at.scale, at.left, at.top),
    }));
    const places = placeLabels(things, stage);
    leaders.textContent = "";
    for (const { region, tag } of known) {
      const spot = places.get(region.id);
      tag.classList.toggle("unplaced", !spot);
      if (!spot) continue;
      tag.classList.toggle("compact", spot.compact);
      tag.style.transform = "translate(" + (spot.left + CLEARANCE) + "px, " + (spot.top + CLEARANCE) + "px)";
      if (spot.leader) leaders.append(make("svg:line", "leader hue-" + region.hue, {
        x1: spot.left + spot.width / 2, y1: spot.top + spot.height / 2, x2: spot.leader[0], y2: spot.leader[1],
      }));
    }
  }

  return { draw, arrange };
}
