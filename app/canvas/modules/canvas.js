// The picture with what was found on it. Draws the component's value, and tells Python in typed events what the
// visitor did; it decides nothing about regions. All coordinates in events are pixels of the picture.
//
// The template never changes, so Gradio never redraws it: zoom, pan, tool and hover live in the browser and survive
// every update. This module ties the others together; each of them is given the `canvas` object made here.

import { createBrush } from "./brush.js";
import { floatStage, followChat, showStage, unnameMessages } from "./chat.js";
import { createCompare } from "./compare.js";
import { createCursor } from "./cursor.js";
import { pictureText } from "./describe.js";
import { make, named, placed } from "./dom.js";
import { createIntake, drawExamples } from "./intake.js";
import { listenOnPage, listenOnStage } from "./keys.js";
import { word } from "./language.js";
import { createLight, watchPhrases } from "./light.js";
import { Pointer } from "./pointer.js";
import { createLabels, drawHole, drawRegions } from "./regions.js";
import { listenForTour } from "./tour.js";
import { drawTray, trayActs } from "./tray.js";
import { STEP } from "./view.js";
import { Viewport } from "./viewport.js";
import { nameRegion, unnameRegion } from "./words.js";

const EMPTY = { picture: null, regions: [], selected: null, size: [1, 1] };

/** Bring the canvas to life. The arguments are what Gradio gives to a component's js_on_load. */
export function mount({ element, props, trigger, watch }) {
  const canvas = new Canvas(element, trigger, props.limbs || []);
  watchPhrases(element, (id) => {
    if (!canvas.region(id)) return;
    canvas.select(id);
    showStage(canvas.stage);
  });
  followChat();
  unnameMessages();
  floatStage(canvas.root, canvas.place, (afloat) => canvas.viewport.float(afloat));
  listenOnStage(canvas);
  listenOnPage(canvas);
  listenForButtons(canvas);
  listenForTour();
  watch("value", () => draw(canvas, props.value || {}));
  draw(canvas, props.value || {});
}

class Canvas {
  constructor(element, trigger, limbs) {
    this.element = element;
    this.root = element.querySelector(".canvas");
    this.stage = element.querySelector(".stage");
    this.place = element.querySelector(".stage-place"); // where the stage lies while it is not kept in sight
    this.trigger = trigger;
    this.limbs = limbs;
    this.scene = EMPTY;
    this.tool = "point";
    this.hidden = new Set(); // the numbers of the regions that the visitor has hidden
    this.labels = createLabels(element.querySelector(".labels"), element.querySelector(".leaders"));
    this.viewport = new Viewport(element, (at, room) => {
      this.labels.arrange(at, room);
      if (this.root.classList.contains("comparing")) this.compare.move();
    });
    this.intake = createIntake({
      element, root: this.root, trigger, size: () => (this.scene.picture ? this.scene.size : null),
    });
    this.compare = createCompare(this);
    this.brush = createBrush(this);
    this.pointer = new Pointer(this);
    this.cursor = createCursor(this);
    this.light = createLight(this.root);
    document.addEventListener("fullscreenchange", () => {
      if (!document.fullscreenElement && this.root.classList.contains("full")) this.fullScreen();
    });
  }

  region(id) { return this.scene.regions.find((region) => region.id === id); }

  get selected() { return this.region(this.scene.selected); }

  select(id) {
    if (id !== this.scene.selected) this.trigger("choose_region", { id });
  }

  setTool(name) {
    this.tool = this.viewport.tool = this.root.dataset.tool = name;
    this.element.querySelectorAll(".tools [data-tool]").forEach((button) =>
      button.setAttribute("aria-checked", String(button.dataset.tool === name)));
    this.viewport.layout();
  }

  fullScreen() {
    const on = this.root.classList.toggle("full");
    if (on) this.root.requestFullscreen?.().catch(() => {}); // filling the window is all that a frame may allow
    else if (document.fullscreenElement) document.exitFullscreen();
    this.element.querySelector("[data-act='full']").setAttribute("aria-pressed", String(on));
    this.viewport.layout();
  }

  /** Leave whatever is going on, the innermost thing first. Returns whether there was anything to leave. */
  escape() {
    const { root, scene } = this;
    if (this.pointer.escape() || this.cursor.escape()) return true;
    if (root.classList.contains("filming")) this.intake.camera.close();
    else if (this.intake.open && scene.picture) this.intake.show(false);
    else if (root.classList.contains("comparing")) this.compare.slide(false);
    else if (root.classList.contains("full")) this.fullScreen();
    else if (scene.selected !== null) this.select(null);
    else return false;
    this.stage.focus({ preventScroll: true });
    return true;
  }

  /** Draw the regions and their rows anew, with the focus where it was. */
  redraw() {
    const { element, scene, hidden } = this;
    const focus = focused(element);
    const svg = element.querySelector(".overlay"), dots = element.querySelector(".dots");
    drawRegions({ svg, dots }, scene, this.limbs, hidden);
    drawHole(this);
    drawTray({ list: element.querySelector(".regions"), detail: element.querySelector(".detail") }, scene, hidden);
    this.labels.draw(scene, hidden);
    this.light.again();
    this.viewport.layout();
    refocus(element, focus);
  }
}

/** Draw a value that came from Python. */
function draw(canvas, value) {
  const { root, element, intake } = canvas;
  if (value.refused) {
    intake.say(value.refused);
    return;
  }
  const before = canvas.scene, scene = { ...EMPTY, ...addressed(value) };
  const shown = Boolean(scene.picture), isNew = before.digest !== scene.digest;
  canvas.scene = scene;
  if (value.examples) drawExamples(element, value.examples);
  canvas.pointer.settled();
  canvas.brush.settled();
  if (String(before.size) !== String(scene.size)) {
    canvas.hidden.clear();
    canvas.cursor.reset();
  }
  root.classList.toggle("has-picture", shown);
  document.body.classList.toggle("has-picture", shown);
  document.body.classList.toggle("strange-picture", Boolean(scene.strange));
  root.classList.toggle("painting", Boolean(scene.digest?.startsWith("preview")));
  canvas.viewport.open(shown ? scene.size : null);
  drawPicture(canvas);
  intake.settle(shown, isNew);
  if (value.said) intake.say(value.said);
  canvas.compare.follow();
  canvas.redraw();
  drawPaintings(element.querySelector(".paintings"), scene);
  drawHistory(element.querySelector(".history"), scene);
  drawRefining(canvas);
}

/** Return a value with the addresses of its pictures in full. */
function addressed(value) {
  const each = (items) => (items || []).map((item) => ({ ...item, file: placed(item.file) }));
  return {
    ...value, picture: placed(value.picture), before: placed(value.before),
    paintings: each(value.paintings), history: each(value.history),
  };
}

function drawPicture({ element, root, scene }) {
  const img = element.querySelector(".picture");
  if (scene.picture) {
    if (img.getAttribute("src") !== scene.picture.url) img.src = scene.picture.url;
    element.querySelector(".overlay").setAttribute("viewBox", "0 0 " + scene.size.join(" "));
    root.style.setProperty("--ratio", scene.size[0] / scene.size[1]);
  } else {
    img.removeAttribute("src");
  }
  img.alt = scene.picture ? pictureText(scene) : "";
}

/** Return a selector of what has the focus, so that it can be found again after the drawing. */
function focused(element) {
  const node = document.activeElement;
  if (!element.contains(node) || !node.closest("[data-region]")) return null;
  const by = (name) => (node.dataset[name] === undefined ? "" : "[data-" + name + '="' + node.dataset[name] + '"]');
  const kind = node.tagName === "INPUT" ? "input" : node.tagName.toLowerCase();
  return kind + by("act") + by("region") + by("candidate") + by("dot");
}

function refocus(element, selector) {
  if (!selector || element.contains(document.activeElement)) return;
  const node = element.querySelector(selector) || element.querySelector(".stage");
  node.focus({ preventScroll: true });
}

function drawRefining({ root, element, selected }) {
  const refining = element.querySelector(".refining");
  root.classList.toggle("has-selected", Boolean(selected));
  refining.textContent = "";
  if (!selected) return;
  const finger = matchMedia("(pointer: coarse)").matches;
  const hint = make("b", "", {}, word(finger ? "tray.refine_finger" : "tray.refine"));
  if (!finger) hint.append(make("em", "", {}, word("tray.refine_else")));
  refining.append(make("span", "hue-" + selected.hue, {}, named(selected)), hint, make("button", "", {
    type: "button", "data-act": "deselect", title: word("tray.let_go"), "aria-label": word("tray.let_go_of", { name: named(selected) }),
  }, "\u00d7"));
}

function thumbnails(strip, items, { kind, act, name }) {
  strip.textContent = "";
  items.forEach((item, index) => {
    const label = word(name, { number: index + 1 });
    const button = make("button", kind + (item.chosen ? " thumb chosen" : " thumb"), {
      type: "button", "data-act": act, "data-index": item.step ?? index, title: label, "aria-label": label,
      "aria-pressed": String(Boolean(item.chosen)),
    });
    button.append(make("img", "", { src: item.file.url, alt: "", draggable: "false" }));
    strip.append(button);
  });
}

function drawPaintings(strip, scene) {
  thumbnails(strip, scene.paintings || [], { kind: "painting", act: "paint", name: "picture.painting" });
}

function drawHistory(strip, scene) {
  const states = scene.history || [];
  thumbnails(strip, states.length > 1 ? states : [], { kind: "state", act: "return", name: "picture.state" });
}

function actsOf(canvas) {
  const { root, trigger, intake, viewport } = canvas;
  const number = Number;
  return {
    in: () => viewport.zoomBy(STEP),
    out: () => viewport.zoomBy(1 / STEP),
    fit: () => viewport.fit("whole"),
    fill: () => viewport.fit("filled"),
    full: () => canvas.fullScreen(),
    labels: (_, button) => button.setAttribute("aria-pressed", String(!root.classList.toggle("no-labels"))),
    up: () => canvas.root.scrollIntoView({ block: "start", behavior: "smooth" }),
    new: () => intake.show(true),
    close: () => intake.show(false),
    file: () => intake.choose(),
    mask: () => intake.answer("use_mask"),
    picture: () => intake.answer("intake"),
    camera: () => intake.camera.open(),
    shoot: () => intake.camera.shoot(),
    uncamera: () => intake.camera.close(),
    deselect: () => canvas.select(null),
    pick: ({ region }) => pick(canvas, number(region)),
    eye: ({ region }) => hide(canvas, number(region)),
    choose: ({ region, candidate }) => trigger("choose_mask", { id: number(region), candidate: number(candidate) }),
    paint: ({ index }) => trigger("choose_painting", { index: number(index) }),
    return: ({ index }) => trigger("go_to", { step: number(index) }),
    remove: ({ region }) => trigger("remove", { id: number(region) }),
    ...trayActs(),
  };
}

function listenForButtons(canvas) {
  const { element, trigger } = canvas;
  const acts = actsOf(canvas);
  element.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (!button) return;
    const { tool, act, example, dot, region } = button.dataset;
    if (tool) canvas.setTool(tool);
    else if (act) acts[act](button.dataset, button);
    else if (example) canvas.intake.example(example);
    else if (dot) trigger("take_back", { id: Number(region), click: Number(dot) });
  });
  element.addEventListener("change", (event) => {
    const field = event.target.closest("input.rename");
    if (field) trigger("rename", { id: Number(field.dataset.region), label: field.value.trim() });
  });
}

function pick(canvas, id) {
  const same = id === canvas.scene.selected;
  canvas.select(same ? null : id);
  if (same) unnameRegion(id);
  else nameRegion(id);
}

function hide(canvas, id) {
  if (!canvas.hidden.delete(id)) canvas.hidden.add(id);
  canvas.redraw();
}
