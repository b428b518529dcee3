// The pointer on the stage: feeds the state machine of gesture.js and carries out its commands.

import { HOLD, IDLE, step } from "./gesture.js";
import { place } from "./regions.js";

const WHEEL = 0.0016; // the exponent of the zoom per pixel of an ordinary wheel
const PINCH = 0.01; // the same for a trackpad's pinch, which arrives as a wheel with Ctrl
const SHAKE = 15; // milliseconds a phone shakes when a long press was taken

export class Pointer {
  constructor(canvas) {
    this.canvas = canvas;
    this.rubber = canvas.element.querySelector(".rubber");
    this.ripple = canvas.element.querySelector(".ripple");
    this.ring = canvas.element.querySelector(".hold");
    this.state = IDLE;
    this.timer = 0; // of the long press to come
    this.spaceHeld = false;
    listen(canvas, (event) => this.feed(event));
  }

  /** Take one event of gesture.js. */
  feed(event) {
    const { tool, viewport, root } = this.canvas;
    const [next, commands] = step(this.state, event, { tool, moving: this.spaceHeld, pannable: viewport.pannable });
    this.state = next;
    for (const command of commands) this.carryOut(command);
    root.dataset.gesture = next.name;
  }

  carryOut(command) {
    const { canvas } = this;
    const pixel = (at) => canvas.viewport.pixel(at);
    const verbs = {
      "capture": () => Object.keys(this.state.fingers).forEach((id) => canvas.stage.setPointerCapture(Number(id))),
      "await hold": ({ at }) => this.awaitHold(at),
      "forget hold": () => this.forgetHold(),
      "click": ({ at, subtract, long }) => this.click(pixel(at), !subtract, long),
      "rubber": ({ from, to }) => this.drawRubber(pixel(from), pixel(to)),
      "no rubber": () => this.drawRubber(null),
      "box": ({ from, to }) => this.box(pixel(from), pixel(to)),
      "pan": ({ dx, dy }) => canvas.viewport.pan(dx, dy),
      "zoom": ({ factor, at }) => canvas.viewport.zoomBy(factor, at),
      "stroke": ({ at, add, begins }) => canvas.brush.draw(canvas.viewport.pixel(at, false), add, begins),
      "stroke over": ({ add }) => canvas.brush.finish(add),
      "no stroke": () => canvas.brush.clear(),
    };
    verbs[command.do](command);
  }

  awaitHold(at) {
    const { left, top } = this.canvas.stage.getBoundingClientRect();
    this.ring.style.left = at.x - left + "px";
    this.ring.style.top = at.y - top + "px";
    this.ring.classList.add("on");
    this.timer = setTimeout(() => this.feed({ type: "hold" }), HOLD);
  }

  forgetHold() {
    clearTimeout(this.timer);
    this.ring.classList.remove("on");
  }

  /** Click on a pixel of the picture. `long`: by a long press. */
  click(at, positive, long = false) {
    this.forgetHold();
    const { size } = this.canvas.scene;
    if (at.x < 0 || at.y < 0 || at.x >= size[0] || at.y >= size[1]) return;
    if (long) navigator.vibrate?.(SHAKE);
    place(this.ripple, size, at.x + 0.5, at.y + 0.5);
    this.ripple.classList.remove("on");
    void this.ripple.offsetWidth; // an animation begins anew only after its end was laid out
    this.ripple.classList.toggle("negative", !positive);
    this.ripple.classList.add("on");
    this.canvas.trigger("point", { ...at, positive });
  }

  /** Draw the box that is being dragged between two pixels, or none. */
  drawRubber(from, to) {
    this.rubber.classList.toggle("on", Boolean(from));
    if (!from) return;
    const { size } = this.canvas.scene;
    place(this.rubber, size, Math.min(from.x, to.x), Math.min(from.y, to.y));
    this.rubber.style.width = (100 * Math.abs(to.x - from.x)) / size[0] + "%";
    this.rubber.style.height = (100 * Math.abs(to.y - from.y)) / size[1] + "%";
  }

  /** Ask for what is in the box between two pixels; what of it lies beside the picture is left out. */
  box(from, to) {
    this.drawRubber(null);
    const [width, height] = this.canvas.scene.size;
    const sorted = (a, b, most) => [a, b].map((value) => Math.min(Math.max(value, 0), most - 1)).sort((p, q) => p - q);
    const [x1, x2] = sorted(from.x, to.x, width), [y1, y2] = sorted(from.y, to.y, height);
    if (x2 > x1 && y2 > y1) this.canvas.trigger("drag_box", { x1, y1, x2, y2 });
  }

  /** Begin or end the moving of the picture by the space bar. */
  moving(on) {
    this.spaceHeld = on;
    this.canvas.root.classList.toggle("moving", on);
  }

  /** Cancel what is going on. Returns whether anything was. */
  escape() {
    const before = this.state;
    this.feed({ type: "escape" });
    return this.state !== before;
  }

  /** The answer to a click is drawn: stop showing that one waits for it. */
  settled() { this.ripple.classList.remove("on"); }
}

function listen(canvas, feed) {
  const { stage } = canvas;
  const plain = (type, event) => ({
    type, id: event.pointerId, x: event.clientX, y: event.clientY,
    touch: event.pointerType === "touch", button: event.button, alt: event.altKey,
  });
  let onDot = false; // where the last press began
  stage.addEventListener("pointerdown", (event) => {
    onDot = Boolean(event.target.closest(".dot"));
    if (!canvas.scene.picture || event.target.closest(".dot, .refining, .split")) return;
    if (event.button === 1) event.preventDefault();
    feed(plain("down", event));
  });
  stage.addEventListener("pointermove", (event) => {
    const frame = stage.getBoundingClientRect();
    canvas.brush.follow(event.clientX - frame.left, event.clientY - frame.top);
    feed(plain("move", event));
  });
  stage.addEventListener("pointerup", (event) => feed(plain("up", event)));
  stage.addEventListener("pointercancel", (event) => feed(plain("cancel", event)));
  // a finger that stayed down until its own dot was drawn under it does not press that dot; a key has no detail
  stage.addEventListener("click", (event) => {
    if (event.detail && !onDot && event.target.closest(".dot")) event.stopPropagation();
  }, true);
  stage.addEventListener("contextmenu", (event) => { if (canvas.scene.picture) event.preventDefault(); });
  stage.addEventListener("wheel", (event) => {
    if (!canvas.scene.picture) return;
    const lines = event.deltaMode === 1 ? 16 : 1;
    const dx = event.deltaX * lines, dy = event.deltaY * lines;
    if (event.shiftKey || Math.abs(dx) > Math.abs(dy)) {
      if (!canvas.viewport.pannable) return;
      canvas.viewport.pan(-(dx || dy), 0);
    } else {
      // at the whole picture there is nothing smaller: the page may scroll
      if (dy > 0 && canvas.viewport.atWhole) return;
      const rate = event.ctrlKey || event.metaKey ? PINCH : WHEEL;
      canvas.viewport.zoomBy(Math.exp(-dy * rate), { x: event.clientX, y: event.clientY });
    }
    event.preventDefault();
  }, { passive: false });
}
