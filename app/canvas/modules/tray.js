// The objects found: a row each, and for the selected one what is known of it and what can be done with it.

import { areaText } from "./describe.js";
import { make, named, regionClasses } from "./dom.js";
import { word } from "./language.js";
import { compose, say } from "./words.js";

// what a region without a name is called, and how it came about, by its source
const UNNAMED = {
  click: "tray.clicked", box: "tray.boxed", everything: "tray.outlined", brush: "tray.painted", mask: "tray.masked",
};
const SOURCES = {
  sphinx: "tray.by_sphinx", click: "tray.by_clicks", box: "tray.by_box", everything: "tray.by_everything",
  edit: "tray.by_edit", brush: "tray.by_brush", mask: "tray.by_mask",
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
    make("span", "label", {}, region.label || (UNNAMED[region.source] ? word(UNNAMED[region.source]) : "")),
  );
  if (typeof region.score === "number") {
    main.append(make("span", "score", { title: word("tray.score") }, Math.round(100 * region.score) + "%"));
  }
  node.append(main);
  if (region.candidates.length > 1 && region.id === scene.selected) node.append(choices(region));
  if (region.note) node.append(make("span", "note", { title: region.note }, region.note));
  const off = hidden.has(region.id);
  const eye = button("eye", region, null, word(off ? "tray.show" : "tray.hide", { name: named(region) }), { "aria-pressed": String(off) });
  eye.classList.add("eye");
  eye.append(icon(EYE));
  const gone = button("remove", region, "\u00d7", word("tray.off", { name: named(region) }));
  gone.classList.add("gone");
  node.classList.toggle("hidden-thing", off);
  node.append(eye, gone);
  return node;
}

function choices(region) {
  const group = make("span", "choices", {
    role: "group", "aria-label": word("tray.choices"), title: word("tray.choices_hint"),
  });
  region.candidates.forEach((score, index) => {
    group.append(make("button", index === region.chosen ? "chosen" : "", {
      type: "button", "data-act": "choose", "data-region": region.id, "data-candidate": index,
      "aria-label": word("tray.choice", { number: index + 1, count: region.candidates.length, score: score.toFixed(2) }),
      "aria-pressed": String(index === region.chosen),
    }, index + 1 + " " + score.toFixed(2)));
  });
  return group;
}

function details(region, scene) {
  const name = make("input", "rename", {
    type: "text", maxlength: "80", value: region.label, "data-region": region.id, placeholder: word("tray.rename"),
    "aria-label": word("tray.rename_name", { number: region.id }), title: word("tray.rename_hint"),
  });
  const facts = [SOURCES[region.source] ? word(SOURCES[region.source]) : region.source, areaText(region, scene.size)].filter(Boolean).join(" · ");
  const label = { name: region.label || word("tray.it") };
  const acts = make("span", "detail-acts", { role: "group", "aria-label": word("tray.acts", { name: named(region) }) });
  acts.append(button("ask", region, word("tray.ask"), word("tray.ask_hint", label)));
  if (!region.outline) acts.append(button("segment", region, word("tray.segment"), word("tray.segment_hint", label)));
  acts.append(
    button("erase", region, word("tray.remove"), word("tray.remove_hint", label)),
    button("replace", region, word("tray.replace"), word("tray.replace_hint", label)),
  );
  if (region.outline) {
    acts.append(
      button("cut", region, word("tray.cut"), word("tray.cut_hint", label)),
      button("mask_file", region, word("tray.export"), word("tray.export_hint", label)),
    );
  }
  return [make("span", "number", {}, "#" + region.id), name, make("span", "facts", {}, facts), acts];
}

function takeAway(kind, region) {
  document.dispatchEvent(new CustomEvent("take-away", { detail: { kind, id: Number(region) } }));
}

/** Return what the buttons of the details do, by the name in data-act. */
export function trayActs() {
  return {
    ask: ({ region }) => say("What is @" + region + "?"),
    segment: ({ region }) => say("Segment @" + region),
    erase: ({ region }) => say("Remove @" + region),
    replace: ({ region }) => compose("Replace @" + region + " with ..."),
    cut: ({ region }) => takeAway("cut-outs", region),
    mask_file: ({ region }) => takeAway("masks", region),
  };
}
