// Gradio runs this text when the component is there. The scripts are native modules, served by the app itself.

// The events that the modules trigger. Gradio knows only those whose names it reads here.
const EVENTS = [
  "intake", "use_mask", "example", "point", "drag_box", "stroke", "choose_region", "choose_mask", "choose_painting",
  "remove", "rename", "take_back", "go_to",
];

import(props.modules.url)
  .then(({ mount }) => mount({
    element, props, watch,
    trigger(name, data) {
      if (!EVENTS.includes(name)) throw new Error("not an event of the canvas: " + name);
      trigger(name, data);
    },
  }))
  .catch((error) => {
    element.querySelector(".intake-message").textContent = sphinx.word("intake.broken");
    throw error;
  });
