// The picture on the stage: keeps the view of view.js, lays the picture out, and turns screen points into pixels.

import * as views from "./view.js";

const MARGIN = 24; // screen pixels kept between the keyboard's cursor and the stage's edge

export class Viewport {
  /** `onLayout(at, room)` is called, once a frame, after the picture was laid out. */
  constructor(element, onLayout) {
    this.root = element.querySelector(".canvas");
    this.stage = element.querySelector(".stage");
    this.world = element.querySelector(".world");
    this.img = element.querySelector(".picture");
    this.percent = element.querySelector(".zoom-level");
    this.onLayout = onLayout;
    this.size = null; // of the picture, or null
    this.view = null; // null until a picture can be laid out for the first time
    this.chosen = false; // whether the visitor has moved or zoomed this picture
    this.afloat = false; // whether the stage is small, beside the answers
    this.tool = "point";
    this.frame = 0;
    new ResizeObserver(() => this.layout()).observe(this.stage);
  }

  /** Show a picture of this size, or null. A picture of the same size is the same one, edited: the view stays. */
  open(size) {
    if (String(size) !== String(this.size)) {
      this.view = null;
      this.chosen = false;
    }
    this.size = size;
  }

  /** The stage has become small, beside the answers, or is back: a view that nobody chose is a whole picture there. */
  float(afloat) {
    this.afloat = afloat;
    if (this.chosen) return;
    this.view = null;
    this.layout();
  }

  get room() { return { width: this.stage.clientWidth, height: this.stage.clientHeight }; }

  get at() { return views.placed(this.view, this.size, this.room); }

  get scale() { return this.view ? this.at.scale : 1; }

  get atWhole() { return !this.view || this.view.zoom <= 1; }

  get pannable() { return Boolean(this.view) && (this.at.slackX > 0 || this.at.slackY > 0); }

  /** Lay the picture out at its real size on the screen, not scaled by a transform: lines stay crisp. */
  layout() {
    const { size, room } = this;
    if (!size || !room.width || !room.height) return;
    const opening = () => (this.afloat ? views.whole() : views.opening(size, room));
    this.view = views.clamped(this.view || opening(), size, room);
    const { at } = this;
    for (const side of ["left", "top", "width", "height"]) this.world.style[side] = at[side] + "px";
    this.img.classList.toggle("pixels", at.scale > 6);
    this.stage.style.touchAction = views.touchAction(this.view, size, room, this.tool);
    this.root.dataset.zoom = this.view.zoom.toFixed(2);
    this.percent.textContent = Math.round(100 * this.view.zoom) + "%";
    cancelAnimationFrame(this.frame);
    this.frame = requestAnimationFrame(() => this.onLayout(at, room));
  }

  change(view) {
    this.chosen = true;
    this.view = view;
    this.layout();
  }

  pan(dx, dy) {
    if (this.view) this.change(views.panned(this.view, this.size, this.room, dx, dy));
  }

  /** Zoom by a factor; the picture's point under `at`, a point of the screen, stays where it is. */
  zoomBy(factor, at) {
    if (!this.view) return;
    const { left, top } = this.stage.getBoundingClientRect();
    const point = at && { x: at.x - left, y: at.y - top };
    this.change(views.zoomed(this.view, this.size, this.room, this.view.zoom * factor, point));
  }

  /** Show the "whole" picture, or let it fill the stage: "filled". */
  fit(way) {
    if (this.view) this.change(way === "filled" ? views.filled(this.size, this.room) : views.whole());
  }

  /** Move the view as little as needed to bring a pixel into sight. */
  show({ x, y }) {
    const { at, room } = this;
    const over = (value, most) => Math.max(0, MARGIN - value) - Math.max(0, value - (most - MARGIN));
    this.pan(over(at.left + x * at.scale, room.width), over(at.top + y * at.scale, room.height));
  }

  /** Return the pixel under a point of the screen; its exact place where `whole` is false. */
  pixel({ x, y }, whole = true) {
    const { left, top, width, height } = this.img.getBoundingClientRect();
    const at = { x: ((x - left) / width) * this.size[0], y: ((y - top) / height) * this.size[1] };
    return whole ? { x: Math.floor(at.x), y: Math.floor(at.y) } : at;
  }
}
