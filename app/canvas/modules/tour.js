// The tour: what the page can do, shown on the first example in under a minute, with the page's own means.

import { make } from "./dom.js";
import { word } from "./language.js";
import { say } from "./words.js";

const SECONDS = 8; // a step stays, unless the visitor goes on
const PATIENCE = 30; // seconds to wait for what a step has begun
const LOOK = 100; // milliseconds between two looks at whether it is there

const one = (selector) => document.querySelector(selector);
const answered = () => one("#chat .bot.message") && !one("#chat .dots, #chat .caret, #words .stop-button");

const STEPS = [
  {
    text: "tour.picture",
    begin: () => one(".canvas .example")?.click(),
    ready: () => one(".canvas.has-picture:not(.choosing)"),
    shows: ".stage",
  },
  {
    text: "tour.ask",
    begin: () => say("describe the picture with boxes"),
    ready: answered,
    shows: "#chat",
  },
  {
    text: "tour.point",
    begin: () => one("#chat span.region")?.dispatchEvent(new MouseEvent("mouseover", { bubbles: true })),
    ready: () => true,
    shows: "#chat",
  },
  {
    text: "tour.click",
    begin: () => { if (!one(".canvas .row.selected")) one(".canvas .row-main")?.click(); },
    ready: () => one(".canvas .detail:not([hidden])"),
    shows: ".canvas .detail",
  },
  {
    text: "tour.undo",
    begin: () => {},
    ready: () => true,
    shows: "#acts",
  },
];

function later(ms) { return new Promise((done) => { setTimeout(done, ms); }); }

/** Show the tour when something of the class "tour" is pressed. */
export function listenForTour() {
  let running = null; // what ends the tour that is shown

  async function show() {
    running?.();
    const state = { over: false, next() {} };
    const card = make("div", "tour-card", { role: "dialog", "aria-label": word("tour.name"), "aria-live": "polite" });
    const text = make("p"), count = make("small"), on = make("button", "primary", { type: "button" }, word("tour.next"));
    const end = make("button", "", { type: "button" }, word("tour.end"));
    const acts = make("div");
    acts.append(count, end, on);
    card.append(text, acts);
    running = () => {
      state.over = true;
      running = null;
      card.remove();
      one(".toured")?.classList.remove("toured");
      state.next();
    };
    end.addEventListener("click", running);
    on.addEventListener("click", () => state.next());
    document.body.append(card);
    on.focus({ preventScroll: true });
    for (const [index, step] of STEPS.entries()) {
      text.textContent = word(step.text);
      count.textContent = word("tour.count", { number: index + 1, count: STEPS.length });
      step.begin();
      for (let waited = 0; !state.over && !step.ready() && waited < PATIENCE * 1000; waited += LOOK) await later(LOOK);
      if (state.over) return;
      one(".toured")?.classList.remove("toured");
      const shown = one(step.shows);
      shown?.classList.add("toured");
      // on a narrow page it may lie elsewhere; the conversation brings its newest message into sight by itself
      if (shown && shown.id !== "chat") shown.scrollIntoView({ block: "nearest", behavior: "smooth" });
      on.textContent = word(index + 1 < STEPS.length ? "tour.next" : "tour.done");
      await Promise.race([later(SECONDS * 1000), new Promise((done) => { state.next = done; })]);
      if (state.over) return;
    }
    running?.();
  }

  function pressed(event) {
    if (event.type === "keydown" && event.key === "Escape" && running) {
      running();
      event.preventDefault();
      event.stopImmediatePropagation();
    } else if (event.target.closest?.(".tour") && (event.type === "click" || event.key === "Enter" || event.key === " ")) {
      event.preventDefault();
      show();
    }
  }

  document.addEventListener("click", pressed, true);
  document.addEventListener("keydown", pressed, true);
}
