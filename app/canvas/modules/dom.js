// Small helpers around the document that every module uses.

const SVG = "http://www.w3.org/2000/svg";

/** Return an address that Python gives from the folder of these modules as one of the page's own. */
export const addressOf = (url) => new URL(url, import.meta.url).href;

/** Return a file of Python's with its address in full. */
export const placed = (file) => file && { ...file, url: addressOf(file.url) };

/** Make an element; a tag that begins with "svg:" is made in SVG's namespace. */
export function make(tag, classes = "", attributes = {}, text = null) {
  const node = tag.startsWith("svg:")
    ? document.createElementNS(SVG, tag.slice(4)) : document.createElement(tag);
  if (classes) node.setAttribute("class", classes);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  // Labels and notes come from a model: they reach the page as text, never as HTML.
  if (text !== null) node.textContent = text;
  return node;
}

/** Say whether `node` takes what is typed or pasted, so that shortcuts must leave it alone. */
export function takesText(node) {
  if (!(node instanceof Element)) return false;
  if (node.closest("textarea, select, [contenteditable=''], [contenteditable='true']")) return true;
  const input = node.closest("input");
  return Boolean(input) && !["button", "checkbox", "file", "radio", "range", "submit"].includes(input.type);
}

/** Return "#3 red ball", or "#3" for a region without a label. */
export function named(region) {
  return "#" + region.id + (region.label ? " " + region.label : "");
}

/** Return the classes that tie a node to a region: its number, its colour, and whether it is selected. */
export function regionClasses(kind, region, selected) {
  return kind + " region region-" + region.id + " hue-" + region.hue + (region.id === selected ? " selected" : "");
}
