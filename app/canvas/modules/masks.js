// Whether a file looks like a mask of the picture that is open, and the question what it is. What it truly selects
// is read in Python.

import { word } from "./language.js";

const SIDE = 96; // pixels, longer side of the small copy that is looked at
const GREY = 24; // how far apart red, green and blue may lie in a grey
const SURE = 48; // how far from black or white a pixel may be
const MOST = 0.95; // of the pixels are black or white; the others are a soft edge

/** Create the question what a file is that looks like a mask. `asked` is the file, or null. */
export function createQuestion(element) {
  const group = element.querySelector(".intake-mask"), ways = element.querySelector(".intake-ways");
  return {
    asked: null,
    ask(file) {
      this.asked = file;
      group.hidden = !file;
      ways.hidden = Boolean(file);
      if (!file) return;
      group.querySelector("p").textContent = word("intake.mask", { name: file.name || word("intake.mask_unnamed") });
      group.querySelector("button").focus();
    },
  };
}

/** Return whether `file` is of the shape `size` ([w, h]) and black and white, or transparent in part. */
export async function looksLikeMask(file, [width, height]) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return false; // no picture, or one that only Python can read
  }
  const { width: w, height: h } = bitmap;
  const fits = Math.abs(w * height - h * width) <= Math.min(Math.max(width, height), 0.05 * w * height);
  if (!fits) return false;
  const scale = Math.min(1, SIDE / Math.max(w, h));
  const paper = document.createElement("canvas");
  paper.width = Math.max(1, Math.round(w * scale));
  paper.height = Math.max(1, Math.round(h * scale));
  const pen = paper.getContext("2d");
  pen.imageSmoothingEnabled = false;
  pen.drawImage(bitmap, 0, 0, paper.width, paper.height);
  return blackAndWhite(pen.getImageData(0, 0, paper.width, paper.height).data);
}

/** Say whether pixels (r, g, b, alpha, ...) are of two kinds: black and white, or opaque and transparent. */
export function blackAndWhite(data) {
  let black = 0, white = 0, clear = 0, grey = true;
  for (let at = 0; at < data.length; at += 4) {
    const [r, g, b, alpha] = data.subarray(at, at + 4);
    if (alpha < 128) clear += 1;
    const low = Math.min(r, g, b), high = Math.max(r, g, b);
    if (alpha && high - low > GREY) grey = false;
    if (high < SURE) black += 1;
    else if (low > 255 - SURE) white += 1;
  }
  const count = data.length / 4;
  if (clear && clear < count) return true;
  return grey && black > 0 && white > 0 && black + white >= MOST * count;
}
