// Where the picture lies on the stage. Pure functions of three values: the picture's size [width, height], the
// stage {width, height} in screen pixels, and the view {zoom, x, y}: zoom 1 shows the whole picture, and (x, y)
// is the point of the picture, 0..1, that lies in the middle of the stage.

export const STEP = 1.4; // the factor of one press of + or -
const MOST = 16; // the largest zoom of a picture of ordinary proportions
const SLIVER = 150; // screen pixels; a picture whose shorter side would be shown smaller opens filled
const FILLABLE = 1.6; // a picture whose proportions differ less from the stage's is never opened filled

/** Return the screen pixels per picture pixel at which the whole picture fits. */
export function wholeScale(size, stage) {
  return Math.min(stage.width / size[0], stage.height / size[1]);
}

/** Return the zoom at which the picture fills the stage both ways. */
export function fillZoom(size, stage) {
  const across = stage.width / size[0], down = stage.height / size[1];
  return Math.max(across, down) / Math.min(across, down);
}

/** Return the largest zoom: a panorama that fills the stage can still be enlarged. */
export function mostZoom(size, stage) {
  return Math.max(MOST, 4 * fillZoom(size, stage));
}

/** Return where the picture lies, in pixels of the stage, and how far the view can move each way, 0..0.5. */
export function placed(view, size, stage) {
  const scale = wholeScale(size, stage) * view.zoom;
  const width = size[0] * scale, height = size[1] * scale;
  return {
    scale, width, height,
    left: stage.width / 2 - view.x * width,
    top: stage.height / 2 - view.y * height,
    slackX: Math.max(0, 0.5 - stage.width / (2 * width)),
    slackY: Math.max(0, 0.5 - stage.height / (2 * height)),
  };
}

/** Return the view with its zoom in range and no empty margin where there is picture to show. */
export function clamped(view, size, stage) {
  const zoom = Math.min(Math.max(view.zoom, 1), mostZoom(size, stage));
  const { slackX, slackY } = placed({ ...view, zoom }, size, stage);
  return {
    zoom,
    x: Math.min(Math.max(view.x, 0.5 - slackX), 0.5 + slackX),
    y: Math.min(Math.max(view.y, 0.5 - slackY), 0.5 + slackY),
  };
}

/** Return the view after zooming; the point of the picture under `at`, in stage pixels, stays under it. */
export function zoomed(view, size, stage, zoom, at = { x: stage.width / 2, y: stage.height / 2 }) {
  const before = placed(view, size, stage);
  const next = Math.min(Math.max(zoom, 1), mostZoom(size, stage));
  const share = 1 - view.zoom / next;
  return clamped({
    zoom: next,
    x: view.x + ((at.x - stage.width / 2) / before.width) * share,
    y: view.y + ((at.y - stage.height / 2) / before.height) * share,
  }, size, stage);
}

/** Return the view after the picture moved by so many screen pixels. */
export function panned(view, size, stage, dx, dy) {
  const { width, height } = placed(view, size, stage);
  return clamped({ ...view, x: view.x - dx / width, y: view.y - dy / height }, size, stage);
}

/** Return the view that shows the whole picture. */
export function whole() {
  return { zoom: 1, x: 0.5, y: 0.5 };
}

/** Return the view that fills the stage both ways, with the beginning of a tall picture in sight. */
export function filled(size, stage) {
  const tall = size[1] / size[0] > stage.height / stage.width;
  return clamped({ zoom: fillZoom(size, stage), x: 0.5, y: tall ? 0 : 0.5 }, size, stage);
}

/** Return the view in which a picture opens: the whole of it, unless that would be a sliver. */
export function opening(size, stage) {
  const shorter = Math.min(...size) * wholeScale(size, stage);
  return shorter < SLIVER && fillZoom(size, stage) > FILLABLE ? filled(size, stage) : whole();
}

/** Return CSS's touch-action: what the picture itself does not need is left to the page. */
export function touchAction(view, size, stage, tool) {
  if (["box", "brush", "eraser", "hand"].includes(tool)) return "none";
  const { slackX, slackY } = placed(view, size, stage);
  if (slackX > 0 && slackY > 0) return "none";
  if (slackX > 0) return "pan-y";
  if (slackY > 0) return "pan-x";
  return "pan-x pan-y";
}
