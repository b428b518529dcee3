// The objects found: a row each, and for the selected one what is known of it and what can be done with it.

import { areaText } from "./describe.js";
import { make, named, regionClasses } from "./dom.js";
import { compose, say } from "./words.js";

// what a region without a name is called, and how it came about, by its source
const UNNAMED = { click: "clicked", box: "boxed", everything: "outlined", brush: "painted", mask: "masked" };
const SOURCES = {
  sphinx: "found by SPHINX", click: "outlined from clicks", box: "outlined from a box", everything: "found by outlining everything",
  edit: "from an edit", brush: "painted by hand", mask: "from a mask",
};
const EYE = "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12ZM12 9a3 3 0 1 0 0 6 3 3 0 0 0 0-6Z";

function icon(path) {
  const svg = make("svg:svg", "", { viewBox: "0 0 24 24", "aria-hidden": "true" });
  svg.append(make("svg:path", "", { d: path }));
  return svg;
}

function button(act, region, text, label, more = {}) {
  return make("button", "", {
    type: "button", "data-act": act, "data-region": region.id, title: label, "aria-label": label, ...more,
  }, text);
}

/** Draw a row for every region, and the details of the selected one. */
export function drawTray({ list, detail }, scene, hidden) {
  list.textContent = "";
  for (const region of scene.regions) list.append(row(region, scene, hidden));
  const selected = scene.regions.find((region) => region.id === scene.selected);
  detail.textContent = "";
  detail.hidden = !selected;
  detail.className = "detail" + (selected ? " hue-" + selected.hue : "");
  if (selected) detail.append(...details(selected, scene));
}

function row(region, scene, hidden) {
  const node = make("li", regionClasses("row", region, scene.selected), { "data-region": region.id });
  const main = make("button", "row-main", {
    type: "button", "data-act": "pick", "data-region": region.id, "aria-pressed": String(region.id === scene.selected),
  });
  main.append(
    make("span", "number", {}, "#" + region.id),
    make("span", "label", {}, region.label || UNNAMED[region.source] || ""),
  );
  if (typeof region.score === "number") {
    main.append(make("span", "score", { title: "How sure SAM is of the outline" }, Math.round(100 * region.score) + "%"));
  }
  node.append(main);
  if (region.candidates.length > 1 && region.id === scene.selected) node.append(choices(region));
  if (region.note) node.append(make("span", "note", { title: region.note }, region.note));
  const off = hidden.has(region.id);
  const eye = button("eye", region, null, (off ? "Show " : "Hide ") + named(region), { "aria-pressed": String(off) });
  eye.classList.add("eye");
  eye.append(icon(EYE));
  const gone = button("remove", region, "\u00d7", "Take " + named(region) + " off the list");
  gone.classList.add("gone");
  node.classList.toggle("hidden-thing", off);
  node.append(eye, gone);
  return node;
}

function choices(region) {
  const group = make("span", "choices", {
    role: "group", "aria-label": "Outlines to choose from", title: "SAM's answers to the same question, with its scores: keys 1, 2, 3",
  });
  region.candidates.forEach((score, index) => {
    group.append(make("button", index === region.chosen ? "chosen" : "", {
      type: "button", "data-act": "choose", "data-region": region.id, "data-candidate": index,
      "aria-label": "Outline " + (index + 1) + " of " + region.candidates.length + ", score " + score.toFixed(2),
      "aria-pressed": String(index === region.chosen),
    }, index + 1 + " " + score.toFixed(2)));
  });
  return group;
}

function details(region, scene) {
  const name = make("input", "rename", {
    type: "text", maxlength: "80", value: region.label, "data-region": region.id, placeholder: "name it",
    "aria-label": "Name of #" + region.id, title: "Another name for it (Enter)",
  });
  const facts = [SOURCES[region.source] || region.source, areaText(region, scene.size)].filter(Boolean).join(" · ");
  const label = region.label || "it";
  const acts = make("span", "detail-acts", { role: "group", "aria-label": "What to do with " + named(region) });
  acts.append(button("ask", region, "Ask", "Ask what " + label + " is"));
  if (!region.outline) acts.append(button("segment", region, "Segment", "Segment " + label));
  acts.append(
    button("erase", region, "Remove", "Remove " + label + " from the picture"),
    button("replace", region, "Replace \u2026", "Replace " + label + " with something else"),
  );
  if (region.outline) acts.append(button("cut", region, "Cut out", "Save " + label + " as a picture without its background"));
  return [make("span", "number", {}, "#" + region.id), name, make("span", "facts", {}, facts), acts];
}

/** Return what the buttons of the details do, by the name in data-act. */
export function trayActs() {
  return {
    ask: ({ region }) => say("What is @" + region + "?"),
    segment: ({ region }) => say("Segment @" + region),
    erase: ({ region }) => say("Remove @" + region),
    replace: ({ region }) => compose("Replace @" + region + " with ..."),
    cut: ({ region }) => document.dispatchEvent(
      new CustomEvent("take-away", { detail: { kind: "cut-outs", id: Number(region) } }),
    ),
  };
}
