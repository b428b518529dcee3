// What a pointer on the picture means, as one explicit state machine without a document.
//
//   idle      nothing is pressed
//   pressed   one pointer is down and has not moved: a click, or a drag to come
//   held      a finger stayed down: the long press has subtracted, the release does nothing
//   boxing    a box is drawn out
//   panning   the picture is moved
//   stroking  the brush or the eraser is drawing
//   pinching  two fingers zoom and move the picture
//   ignored   the page scrolls, or Escape was pressed: nothing more until every pointer is up
//
// `step(state, event, mode)` returns the next state and a list of commands for the page. Events:
//   {type: "down" | "move" | "up" | "cancel", id, x, y, touch, button, alt}, {type: "hold"}, {type: "escape"}
// x and y are screen pixels. `mode` is {tool, moving, pannable}: `moving` while the space bar is held, `pannable`
// where the picture is larger than the stage.

const DRAG = 5; // screen pixels a pointer moves before a click becomes a drag
const TAP = 12; // the same for a finger
export const HOLD = 480; // milliseconds a finger stays down before it subtracts

export const IDLE = Object.freeze({ name: "idle", fingers: Object.freeze({}) });

/** Return [next state, commands] for one event. */
export function step(state, event, mode) {
  switch (event.type) {
    case "down": return pressed(state, event, mode);
    case "move": return moved(state, event, mode);
    case "up": return released(state, event, false);
    case "cancel": return released(state, event, true);
    case "hold": return held(state);
    case "escape": return escaped(state);
    default: return [state, []];
  }
}

function pressed(state, event, mode) {
  const at = { x: event.x, y: event.y };
  const fingers = { ...state.fingers, [event.id]: at };
  const count = Object.keys(fingers).length;
  if (count === 2 && event.touch) return [{ name: "pinching", fingers }, [...undone(state), { do: "capture" }]];
  if (count > 1 || state.name === "ignored") return [{ ...state, fingers }, []];
  if (event.button === 1 || mode.moving || mode.tool === "hand") {
    return [{ name: "panning", fingers, id: event.id, last: at }, [{ do: "capture" }]];
  }
  const drawing = mode.tool === "brush" || mode.tool === "eraser";
  if (drawing && event.button === 0) {
    // Alt turns the brush into the eraser, and the eraser into the brush
    const add = (mode.tool === "brush") !== event.alt;
    return [{ name: "stroking", fingers, id: event.id, add }, [{ do: "capture" }, { do: "stroke", at, add, begins: true }]];
  }
  const next = {
    name: "pressed", fingers, id: event.id, from: at, touch: event.touch, button: event.button,
    subtract: event.button === 2 || event.alt || mode.tool === "minus",
  };
  return [next, event.touch ? [{ do: "await hold", at }] : [{ do: "capture" }]];
}

function moved(state, event, mode) {
  if (!(event.id in state.fingers)) return [state, []];
  const at = { x: event.x, y: event.y };
  const fingers = { ...state.fingers, [event.id]: at };
  const next = { ...state, fingers };
  if (state.name === "pinching") return [next, pinched(state.fingers, fingers)];
  if (event.id !== state.id) return [next, []];
  if (state.name === "pressed") {
    const far = Math.hypot(at.x - state.from.x, at.y - state.from.y);
    return far > (state.touch ? TAP : DRAG) ? dragged(next, at, mode) : [next, []];
  }
  if (state.name === "boxing") return [next, [{ do: "rubber", from: state.from, to: at }]];
  if (state.name === "stroking") return [next, [{ do: "stroke", at, add: state.add }]];
  if (state.name === "panning") {
    return [{ ...next, last: at }, [{ do: "pan", dx: at.x - state.last.x, dy: at.y - state.last.y }]];
  }
  return [next, []];
}

function dragged(state, at, mode) {
  const unhold = state.touch ? [{ do: "forget hold" }] : [];
  const { fingers, id, from } = state;
  if (state.touch && mode.tool !== "box") {
    if (!mode.pannable) return [{ name: "ignored", fingers }, unhold];
    const pan = { do: "pan", dx: at.x - from.x, dy: at.y - from.y };
    return [{ name: "panning", fingers, id, last: at }, [...unhold, { do: "capture" }, pan]];
  }
  if (state.button === 2) return [{ name: "ignored", fingers }, []];
  return [{ name: "boxing", fingers, id, from }, [...unhold, { do: "capture" }, { do: "rubber", from, to: at }]];
}

function pinched(before, after) {
  const [was, is] = [spread(before), spread(after)];
  return [
    { do: "pan", dx: is.x - was.x, dy: is.y - was.y },
    { do: "zoom", factor: is.distance / was.distance, at: { x: is.x, y: is.y } },
  ];
}

function spread(fingers) {
  const [a, b] = Object.values(fingers);
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, distance: Math.hypot(a.x - b.x, a.y - b.y) || 1 };
}

function released(state, event, cancelled) {
  const { [event.id]: gone, ...fingers } = state.fingers;
  if (!gone) return [state, []];
  const rest = Object.keys(fingers).length ? { name: "ignored", fingers } : IDLE;
  if (event.id !== state.id) return [rest, []];
  if (cancelled) return [rest, undone(state)];
  const at = { x: event.x, y: event.y };
  if (state.name === "pressed") {
    const click = [0, 2].includes(state.button) ? [{ do: "click", at, subtract: state.subtract }] : [];
    return [rest, [...(state.touch ? [{ do: "forget hold" }] : []), ...click]];
  }
  if (state.name === "boxing") return [rest, [{ do: "no rubber" }, { do: "box", from: state.from, to: at }]];
  if (state.name === "stroking") return [rest, [{ do: "stroke over", add: state.add }]];
  return [rest, []];
}

function held(state) {
  if (state.name !== "pressed" || !state.touch) return [state, []];
  const next = { name: "held", fingers: state.fingers, id: state.id };
  return [next, [{ do: "click", at: state.from, subtract: true, long: true }]];
}

function escaped(state) {
  if (state.name === "idle" || state.name === "ignored") return [state, []];
  return [{ name: "ignored", fingers: state.fingers }, undone(state)];
}

/** Return the commands that take back what a state has drawn on the page so far. */
function undone(state) {
  if (state.name === "boxing") return [{ do: "no rubber" }];
  if (state.name === "stroking") return [{ do: "no stroke" }];
  if (state.name === "pressed" && state.touch) return [{ do: "forget hold" }];
  return [];
}
