// The mixing lab: one picture with the boxes of every way of looking in its colour, and a column of words for each.

const SVG = "http://www.w3.org/2000/svg";
const shown = element.querySelector(".lab-shown");
let asked = false; // the button was pressed, and nothing has been answered since

function make(tag, classes, text) {
  const node = document.createElement(tag);
  node.className = classes;
  if (text !== undefined) node.textContent = text; // what a model wrote is never read as HTML
  return node;
}

function stage({ picture, size, columns }) {
  const node = make("div", "lab-stage"), img = make("img", ""), svg = document.createElementNS(SVG, "svg");
  img.src = new URL(picture.url, props.modules.url).href;
  img.alt = sphinx.word("lab.alt");
  svg.setAttribute("viewBox", "0 0 " + size.join(" "));
  for (const halo of [true, false]) { // all halos lie below all boxes
    for (const { hue, boxes } of columns) {
      for (const { box: [x1, y1, x2, y2], own } of boxes) {
        const rect = document.createElementNS(SVG, "rect");
        const inset = (hue - 1) * 0.006 * size[0]; // equal boxes stay apart
        rect.setAttribute("class", (halo ? "halo" : own ? "own" : "shared") + " hue-" + hue);
        rect.setAttribute("x", x1 + inset);
        rect.setAttribute("y", y1 + inset);
        rect.setAttribute("width", Math.max(1, x2 - x1 - 2 * inset));
        rect.setAttribute("height", Math.max(1, y2 - y1 - 2 * inset));
        svg.append(rect);
      }
    }
  }
  node.append(img, svg);
  return node;
}

function column({ title, hue, over, pieces, boxes, seconds, record, measured }) {
  const node = make("section", "lab-column hue-" + hue), words = make("p", over ? "" : "growing");
  for (const [piece, own] of pieces) words.append(own ? make("mark", "", piece) : piece);
  if (!pieces.length) words.textContent = over ? sphinx.word("lab.nothing") : "…";
  const count = boxes.filter((one) => one.own).length;
  const facts = [
    boxes.length === 1 ? sphinx.word("lab.one_box") : sphinx.word("lab.boxes", { count: boxes.length }),
    count ? sphinx.word("lab.own", { count }) : "",
    over && !record ? sphinx.word("lab.seconds", { seconds: seconds.toFixed(1) }) : "",
  ];
  node.append(make("h3", "", title), words, make("small", "", facts.filter(Boolean).join(" · ")));
  if (record) node.append(make("small", "lab-record", record));
  if (measured) node.append(make("small", "lab-measured", sphinx.word("lab.measured", { figures: measured })));
  return node;
}

function draw() {
  const value = props.value || {};
  shown.replaceChildren();
  if (!value.picture) return;
  const columns = make("div", "lab-columns");
  columns.append(...value.columns.map(column));
  shown.append(stage(value), columns);
  shown.append(make("p", "lab-note", sphinx.word(value.same ? "lab.same" : "lab.marked")));
  if (asked) shown.querySelector("img").addEventListener("load", show, { once: true });
  asked = false;
}

/** Bring the answers into sight: on a narrow page they begin below all that can be chosen. */
function show() {
  shown.scrollIntoView({ block: matchMedia("(max-width: 860px)").matches ? "start" : "nearest", behavior: "smooth" });
}

document.addEventListener("click", (event) => { if (event.target.closest?.("#lab-ask")) asked = true; });

watch("value", draw);
document.addEventListener("keydown", (event) => {
  const panel = document.querySelector("#lab.open");
  if (event.key !== "Escape" || !panel) return;
  panel.classList.remove("open");
  event.stopImmediatePropagation();
}, true);
draw();
