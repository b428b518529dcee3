// The picture with what was found on it. Draws the component's value, and tells Python in typed events what
// the visitor did; it decides nothing about regions. All coordinates in events are pixels of the picture.
//
// The template never changes, so Gradio never redraws it: zoom, pan, tool and hover live here and survive
// every update. Labels and notes come from a model: they reach the page as text, never as HTML.

const SVG = "http://www.w3.org/2000/svg";
const ZOOM = { least: 1, most: 16, step: 1.4 };
const DRAG = 5; // screen pixels the pointer moves before a click becomes a drag
const TAP = 12; // the same for a finger
const UNNAMED = { click: "clicked", box: "boxed", everything: "outlined" }; // what a region without a name is

const $ = (selector) => element.querySelector(selector);
const root = $(".canvas"), stage = $(".stage"), world = $(".world"), img = $(".picture"), svg = $(".overlay");
const tags = $(".tags"), list = $(".regions"), rubber = $(".rubber"), ripple = $(".ripple");
const intake = $(".intake"), message = $(".intake-message"), file = $("input.file"), camera = $(".camera");
const refining = $(".refining");

let scene = { picture: null, regions: [], selected: null };
let view = { zoom: 1, x: 0, y: 0 }; // x, y: where the stage's middle lies on the picture, 0..1
let tool = "point";
let examples = [];
let arriving = false; // a picture has been chosen and is not drawn yet
let choosing = false; // the intake is open over a picture

// ---- drawing ----

function make(tag, classes, attributes = {}) {
  const node = tag === "svg:g" || tag.startsWith("svg:")
    ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  if (classes) node.setAttribute("class", classes);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  return node;
}

function named(region) { return "#" + region.id + (region.label ? " " + region.label : ""); }

function classes(kind, region) {
  return kind + " region region-" + region.id + " hue-" + region.hue +
    (region.id === scene.selected ? " selected" : "");
}

function draw() {
  const value = props.value || {};
  if (value.refused) {
    busy(value.refused);
    return;
  }
  const before = scene;
  if (arriving) choosing = arriving = false;
  scene = { picture: null, regions: [], selected: null, size: [1, 1], ...value };
  if (value.examples) examples = value.examples;
  const focused = element.contains(document.activeElement) && document.activeElement.dataset.region;
  const shown = Boolean(scene.picture);
  root.classList.toggle("has-picture", shown);
  ripple.classList.remove("on");
  if (before.digest !== scene.digest) {
    choosing = false;
    if (String(before.size) !== String(scene.size)) view = { zoom: 1, x: 0.5, y: 0.5 };
  }
  if (shown) {
    if (img.getAttribute("src") !== scene.picture.url) img.src = scene.picture.url;
    img.alt = "The picture, " + scene.size.join(" by ") + " pixels";
    svg.setAttribute("viewBox", "0 0 " + scene.size.join(" "));
  } else {
    img.removeAttribute("src");
  }
  root.classList.toggle("choosing", choosing || !shown);
  if (!choosing) busy("");
  root.classList.toggle("has-before", Boolean(scene.before));
  drawRegions();
  drawPaintings();
  drawList();
  drawExamples();
  layout();
  const selected = scene.regions.find((region) => region.id === scene.selected);
  refining.textContent = "";
  if (selected) {
    const chip = make("span", "hue-" + selected.hue);
    chip.textContent = named(selected);
    const hint = make("em", "");
    hint.textContent = ", elsewhere for a new one";
    const rest = make("b", "");
    rest.append("click near it to refine", hint);
    refining.append(chip, rest);
    const off = make("button", "", { type: "button", "data-act": "deselect", title: "Let go (Escape)" });
    off.textContent = "\u00d7";
    refining.append(off);
  }
  root.classList.toggle("has-selected", Boolean(selected));
  if (focused) (svg.querySelector('[data-region="' + focused + '"]') || stage).focus({ preventScroll: true });
}

function drawRegions() {
  svg.textContent = "";
  tags.textContent = "";
  // large ones first, so that small ones stay within reach of the pointer
  const order = [...scene.regions].sort((a, b) => area(b) - area(a));
  for (const region of order) {
    const [x1, y1, x2, y2] = region.box;
    const group = make("svg:g", classes("thing", region), {
      tabindex: "0", role: "button", "data-region": region.id, "aria-label": named(region),
      "aria-pressed": String(region.id === scene.selected),
    });
    const frame = { x: x1, y: y1, width: Math.max(0, x2 - x1), height: Math.max(0, y2 - y1) };
    group.append(make("svg:rect", "hit", frame));
    if (region.outline) {
      group.append(make("svg:path", "halo", { d: region.outline }));
      group.append(make("svg:path", "mask", { d: region.outline, "fill-rule": "evenodd" }));
    }
    group.append(make("svg:rect", region.outline || region.joints.length ? "box faint" : "box", { ...frame, rx: 0 }));
    drawJoints(group, region);
    svg.append(group);

    const tag = make("div", classes("tag", region), { "data-region": region.id });
    tag.textContent = named(region);
    place(tag, x1, y1);
    tag.classList.toggle("inside", y1 < 0.06 * scene.size[1]);
    tag.classList.toggle("leftwards", x1 > 0.72 * scene.size[0]);
    if (tag.classList.contains("leftwards")) place(tag, x2, y1);
    tags.append(tag);

    region.clicks.forEach(([x, y, positive], index) => {
      const dot = make("button", classes("dot", region) + (positive ? " plus" : " minus"), {
        type: "button", "data-dot": index, "data-region": region.id,
        title: "Take this click back", "aria-label": "Take back a click of " + named(region),
      });
      place(dot, x + 0.5, y + 0.5);
      tags.append(dot);
    });
  }
  light(lit);
}

function drawJoints(group, region) {
  const joints = region.joints;
  for (const [a, b] of props.limbs || []) {
    if (!joints[a] || !joints[b] || !joints[a][2] || !joints[b][2]) continue;
    group.append(make("svg:line", "limb", {
      x1: joints[a][0] + 0.5, y1: joints[a][1] + 0.5, x2: joints[b][0] + 0.5, y2: joints[b][1] + 0.5,
    }));
  }
  joints.forEach(([x, y, visible]) => {
    // a line of no length with round ends is a dot that keeps its size on the screen
    if (visible) group.append(make("svg:path", visible === 1 ? "joint hidden-joint" : "joint", {
      d: "M" + (x + 0.5) + " " + (y + 0.5) + "h.001",
    }));
  });
}

function area(region) {
  const [x1, y1, x2, y2] = region.box;
  return (x2 - x1) * (y2 - y1);
}

function place(node, x, y) {
  node.style.left = (100 * x) / scene.size[0] + "%";
  node.style.top = (100 * y) / scene.size[1] + "%";
}

function drawList() {
  list.textContent = "";
  for (const region of scene.regions) {
    const row = make("li", classes("row", region), { "data-region": region.id });
    const main = make("button", "row-main", { type: "button", "data-act": "pick", "data-region": region.id });
    const number = make("span", "number");
    number.textContent = "#" + region.id;
    const label = make("span", "label");
    label.textContent = region.label || UNNAMED[region.source] || "";
    main.append(number, label);
    if (region.score !== null && region.score !== undefined) {
      const score = make("span", "score", { title: "How sure SAM is of the outline" });
      score.textContent = Math.round(100 * region.score) + "%";
      main.append(score);
    }
    row.append(main);
    if (region.candidates.length > 1 && region.id === scene.selected) {
      const choices = make("span", "choices", { title: "SAM's answers to the same question, with its scores" });
      region.candidates.forEach((score, index) => {
        const choice = make("button", index === region.chosen ? "chosen" : "", {
          type: "button", "data-act": "choose", "data-region": region.id, "data-candidate": index,
          "aria-label": "Outline " + (index + 1) + " of " + region.candidates.length,
          "aria-pressed": String(index === region.chosen),
        });
        choice.textContent = "ABCDEFGH"[index] + " " + score.toFixed(2);
        choices.append(choice);
      });
      row.append(choices);
    }
    if (region.note) {
      const note = make("span", "note", { title: region.note });
      note.textContent = region.note;
      row.append(note);
    }
    const gone = make("button", "gone", {
      type: "button", "data-act": "remove", "data-region": region.id, title: "Remove (Delete)",
      "aria-label": "Remove " + named(region),
    });
    gone.textContent = "\u00d7";
    row.append(gone);
    list.append(row);
  }
}

function drawPaintings() {
  const strip = $(".paintings");
  strip.textContent = "";
  (scene.paintings || []).forEach((painting, index) => {
    const button = make("button", painting.chosen ? "painting chosen" : "painting", {
      type: "button", "data-act": "paint", "data-index": index, title: "Painting " + (index + 1),
      "aria-pressed": String(painting.chosen),
    });
    button.append(make("img", "", { src: painting.file.url, alt: "Painting " + (index + 1) }));
    strip.append(button);
  });
}

function drawExamples() {
  const box = $(".examples");
  if (box.childElementCount === examples.length) return;
  box.textContent = "";
  for (const example of examples) {
    const button = make("button", "example", { type: "button", "data-example": example.name, title: example.name });
    const thumb = make("img", "", { src: example.file.url, alt: example.name, loading: "lazy" });
    button.append(thumb);
    box.append(button);
  }
  $(".examples-title").hidden = !examples.length;
}

// The world is laid out at its real size on the screen, not scaled by a transform: lines and labels stay crisp.
function layout() {
  const [width, height] = scene.size;
  const w = stage.clientWidth, h = stage.clientHeight;
  if (!scene.picture || !w || !h) return;
  const fit = Math.min(w / width, h / height);
  const shownW = width * fit * view.zoom, shownH = height * fit * view.zoom;
  const slackX = Math.max(0, 0.5 - w / (2 * shownW)), slackY = Math.max(0, 0.5 - h / (2 * shownH));
  view.x = Math.min(Math.max(view.x, 0.5 - slackX), 0.5 + slackX);
  view.y = Math.min(Math.max(view.y, 0.5 - slackY), 0.5 + slackY);
  world.style.width = shownW + "px";
  world.style.height = shownH + "px";
  world.style.left = w / 2 - view.x * shownW + "px";
  world.style.top = h / 2 - view.y * shownH + "px";
  img.classList.toggle("pixels", fit * view.zoom > 6);
  root.classList.toggle("zoomed", view.zoom > 1.01);
  root.dataset.zoom = view.zoom.toFixed(2);
  $(".zoom-level").textContent = Math.round(100 * view.zoom) + "%";
}

function zoomTo(zoom, clientX, clientY) {
  const frame = stage.getBoundingClientRect();
  const dx = clientX === undefined ? 0 : clientX - frame.left - frame.width / 2;
  const dy = clientY === undefined ? 0 : clientY - frame.top - frame.height / 2;
  const before = world.getBoundingClientRect();
  const next = Math.min(Math.max(zoom, ZOOM.least), ZOOM.most);
  const grow = next / view.zoom;
  // the point under the pointer stays under the pointer
  view.x += (dx / before.width) * (1 - 1 / grow);
  view.y += (dy / before.height) * (1 - 1 / grow);
  view.zoom = next;
  layout();
}

function pan(dx, dy) {
  const frame = world.getBoundingClientRect();
  view.x -= dx / frame.width;
  view.y -= dy / frame.height;
  layout();
}

// ---- lighting up: one listener for the whole page ties phrases, rows, tags and regions ----

let lit = [];

function light(ids) {
  lit = ids;
  document.querySelectorAll(".region.lit").forEach((node) => node.classList.remove("lit"));
  for (const id of ids) {
    document.querySelectorAll(".region-" + id).forEach((node) => node.classList.add("lit"));
  }
  root.classList.toggle("lighting", ids.length > 0);
}

function regionsOf(node) {
  const region = node instanceof Element && node.closest(".region");
  return region ? [...region.classList].filter((name) => /^region-\d+$/.test(name)).map((name) => name.slice(7)) : [];
}

function lightFrom(event) {
  const ids = regionsOf(event.target);
  if (String(ids) !== String(lit)) light(ids);
}

function phraseChosen(event) {
  const phrase = event.target instanceof Element && event.target.closest("span.region");
  if (!phrase || element.contains(phrase)) return;
  if (event.type === "keydown" && event.key !== "Enter") return;
  const id = Number(regionsOf(phrase)[0]);
  if (scene.regions.some((region) => region.id === id)) select(id);
}

// ---- what the visitor does ----

function select(id) {
  if (id === scene.selected) return;
  trigger("choose_region", { id });
}

function pixel(event) {
  const frame = img.getBoundingClientRect();
  return {
    x: Math.floor(((event.clientX - frame.left) / frame.width) * scene.size[0]),
    y: Math.floor(((event.clientY - frame.top) / frame.height) * scene.size[1]),
  };
}

function within({ x, y }) { return x >= 0 && y >= 0 && x < scene.size[0] && y < scene.size[1]; }

function clicked(event, positive) {
  const at = pixel(event);
  if (!within(at)) return;
  place(ripple, at.x + 0.5, at.y + 0.5);
  ripple.classList.remove("on");
  void ripple.offsetWidth;
  ripple.classList.add("on");
  trigger("point", { ...at, positive });
}

function setTool(name) {
  tool = name;
  root.dataset.tool = name;
  root.querySelectorAll(".tools button").forEach((button) => {
    button.setAttribute("role", "radio");
    button.setAttribute("aria-checked", String(button.dataset.tool === name));
  });
}

let drag = null, space = false;
const fingers = new Map();

stage.addEventListener("pointerdown", (event) => {
  if (!scene.picture || event.target.closest(".dot, .refining")) return;
  fingers.set(event.pointerId, event);
  if (fingers.size === 2) {
    drag = { kind: "pinch", ...spread(), zoom: view.zoom };
    rubber.classList.remove("on");
    return;
  }
  if (fingers.size > 2) return;
  const moves = event.button === 1 || space || tool === "hand";
  const touch = event.pointerType === "touch";
  drag = {
    kind: moves ? "pan" : "press", touch, x: event.clientX, y: event.clientY,
    minus: event.button === 2 || event.altKey || tool === "minus", from: pixel(event), button: event.button,
  };
  if (event.button === 1) event.preventDefault();
  if (!touch || moves || tool === "box" || view.zoom > 1.01) stage.setPointerCapture(event.pointerId);
});

function spread() {
  const [a, b] = [...fingers.values()];
  return {
    distance: Math.hypot(a.clientX - b.clientX, a.clientY - b.clientY) || 1,
    middle: [(a.clientX + b.clientX) / 2, (a.clientY + b.clientY) / 2],
  };
}

stage.addEventListener("pointermove", (event) => {
  if (fingers.has(event.pointerId)) fingers.set(event.pointerId, event);
  if (!drag) return;
  if (drag.kind === "pinch") {
    if (fingers.size < 2) return;
    const now = spread();
    pan(now.middle[0] - drag.middle[0], now.middle[1] - drag.middle[1]);
    drag.middle = now.middle;
    zoomTo((drag.zoom * now.distance) / drag.distance, ...now.middle);
    return;
  }
  const dx = event.clientX - drag.x, dy = event.clientY - drag.y;
  if (drag.kind === "press" && Math.hypot(dx, dy) > (drag.touch ? TAP : DRAG)) {
    drag.kind = drag.touch && tool !== "box" ? (view.zoom > 1.01 ? "pan" : "none") : "box";
  }
  if (drag.kind === "pan") {
    pan(dx, dy);
    drag.x = event.clientX;
    drag.y = event.clientY;
  } else if (drag.kind === "box") {
    const to = pixel(event);
    const [x1, x2] = [drag.from.x, to.x].sort((a, b) => a - b), [y1, y2] = [drag.from.y, to.y].sort((a, b) => a - b);
    place(rubber, x1, y1);
    rubber.style.width = (100 * (x2 - x1)) / scene.size[0] + "%";
    rubber.style.height = (100 * (y2 - y1)) / scene.size[1] + "%";
    rubber.classList.add("on");
  }
});

function released(event) {
  fingers.delete(event.pointerId);
  const done = drag;
  if (fingers.size === 0) drag = null;
  rubber.classList.remove("on");
  if (!done || event.type === "pointercancel") return;
  if (done.kind === "press") {
    if (done.button === 0 || done.button === 2) clicked(event, !done.minus);
  } else if (done.kind === "box") {
    const to = pixel(event);
    const clamp = (value, most) => Math.min(Math.max(value, 0), most - 1);
    const box = {
      x1: clamp(Math.min(done.from.x, to.x), scene.size[0]), y1: clamp(Math.min(done.from.y, to.y), scene.size[1]),
      x2: clamp(Math.max(done.from.x, to.x), scene.size[0]), y2: clamp(Math.max(done.from.y, to.y), scene.size[1]),
    };
    if (box.x2 > box.x1 && box.y2 > box.y1) trigger("drag_box", box);
  }
}
stage.addEventListener("pointerup", released);
stage.addEventListener("pointercancel", released);
stage.addEventListener("contextmenu", (event) => { if (scene.picture) event.preventDefault(); });

stage.addEventListener("wheel", (event) => {
  if (!scene.picture) return;
  if (event.ctrlKey || event.metaKey) {
    event.preventDefault();
    zoomTo(view.zoom * Math.exp(-event.deltaY * 0.004), event.clientX, event.clientY);
  } else if (view.zoom > 1.01) {
    event.preventDefault();
    pan(-event.deltaX, -event.deltaY);
  }
}, { passive: false });

stage.addEventListener("keydown", (event) => {
  const at = event.target.closest("[data-region]");
  const ids = scene.regions.map((region) => region.id);
  const id = at ? Number(at.dataset.region) : null;
  const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
  if (step && ids.length) {
    const next = ids[(ids.indexOf(id) + step + ids.length) % ids.length] ?? ids[0];
    svg.querySelector('[data-region="' + next + '"]').focus();
  } else if (event.key === "Enter" && at && !event.target.closest(".dot")) {
    select(id);
  } else if ((event.key === "Delete" || event.key === "Backspace") && (id ?? scene.selected) !== null) {
    trigger("remove", { id: id ?? scene.selected });
  } else if (event.key === "Escape") {
    select(null);
    stage.focus({ preventScroll: true });
  } else if (event.key === " ") {
    space = true;
    root.classList.add("moving");
  } else if (event.key === "+" || event.key === "=") {
    zoomTo(view.zoom * ZOOM.step);
  } else if (event.key === "-") {
    zoomTo(view.zoom / ZOOM.step);
  } else if (event.key === "0") {
    zoomTo(1);
  } else {
    return;
  }
  event.preventDefault();
});
stage.addEventListener("keyup", (event) => {
  if (event.key === " ") {
    space = false;
    root.classList.remove("moving");
  }
});

const ACTS = {
  in: () => zoomTo(view.zoom * ZOOM.step),
  out: () => zoomTo(view.zoom / ZOOM.step),
  fit: () => zoomTo(1),
  labels: () => root.classList.toggle("no-labels"),
  new: () => { choosing = true; root.classList.add("choosing"); },
  close: () => { choosing = false; root.classList.toggle("choosing", !scene.picture); },
  file: () => file.click(),
  camera: openCamera,
  shoot: takePhoto,
  uncamera: closeCamera,
  deselect: () => select(null),
  pick: (data) => select(Number(data.region) === scene.selected ? null : Number(data.region)),
  choose: (data) => trigger("choose_mask", { id: Number(data.region), candidate: Number(data.candidate) }),
  paint: (data) => trigger("choose_painting", { index: Number(data.index) }),
  remove: (data) => trigger("remove", { id: Number(data.region) }),
};

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.dataset.tool) setTool(button.dataset.tool);
  else if (button.dataset.act) ACTS[button.dataset.act](button.dataset);
  else if (button.dataset.example) {
    busy("Opening the example \u2026");
    arriving = true;
    trigger("example", { name: button.dataset.example });
  } else if (button.dataset.dot) {
    trigger("take_back", { id: Number(button.dataset.region), click: Number(button.dataset.dot) });
  }
});

// the picture before the edits, for as long as the button is held
function hold(event) {
  const on = event.type === "pointerdown" && event.target.closest("[data-hold]");
  if (on || root.classList.contains("holding")) {
    root.classList.toggle("holding", Boolean(on));
    img.src = (on ? scene.before : scene.picture).url;
  }
}
element.addEventListener("pointerdown", hold);
document.addEventListener("pointerup", hold);

// ---- a picture comes in: chosen, dropped, pasted or taken ----

function busy(words) { message.textContent = words; }

async function send(picture) {
  if (!picture) return;
  choosing = true;
  root.classList.add("choosing");
  busy("Uploading " + (picture.name || "the picture") + " \u2026");
  try {
    const { path } = await upload(picture);
    busy("Opening the picture \u2026");
    arriving = true;
    trigger("intake", { path, name: picture.name || "" });
  } catch (error) {
    busy("The upload failed: " + (error && error.message ? error.message : "the file may be too large") + ".");
  }
}

file.addEventListener("change", () => { send(file.files[0]); file.value = ""; });

function filesOf(transfer) { return transfer ? [...transfer.files].filter((item) => item.size) : []; }

const onPage = [
  ["dragover", (event) => {
    if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    root.classList.add("dropping");
  }],
  ["dragleave", (event) => { if (!event.relatedTarget) root.classList.remove("dropping"); }],
  ["drop", (event) => {
    root.classList.remove("dropping");
    const [dropped] = filesOf(event.dataTransfer);
    if (!dropped) return;
    event.preventDefault();
    event.stopPropagation();
    send(dropped);
  }],
  ["paste", (event) => {
    const [pasted] = filesOf(event.clipboardData);
    if (!pasted) return;
    event.preventDefault();
    event.stopPropagation();
    send(pasted);
  }],
  ["mouseover", lightFrom],
  ["focusin", lightFrom],
  ["click", phraseChosen],
  ["keydown", phraseChosen],
];
for (const [name, listener] of onPage) document.addEventListener(name, listener, true);

let film = null;

async function openCamera() {
  try {
    film = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch (error) {
    // no camera to be had this way (a phone without https has its own): the file dialog may offer one
    file.setAttribute("capture", "environment");
    file.click();
    file.removeAttribute("capture");
    return;
  }
  const video = camera.querySelector("video");
  video.srcObject = film;
  await video.play();
  root.classList.add("filming");
}

function closeCamera() {
  if (film) film.getTracks().forEach((track) => track.stop());
  film = null;
  root.classList.remove("filming");
}

function takePhoto() {
  const video = camera.querySelector("video");
  const paper = document.createElement("canvas");
  paper.width = video.videoWidth;
  paper.height = video.videoHeight;
  paper.getContext("2d").drawImage(video, 0, 0);
  closeCamera();
  paper.toBlob((blob) => send(new File([blob], "photo.jpg", { type: "image/jpeg" })), "image/jpeg", 0.92);
}

new ResizeObserver(layout).observe(stage);
setTool("point");
watch("value", draw);
draw();
