// What is loaded, what it holds, what is on its way, and what else would fit. The server is asked now and then, since
// another visitor may have gone over to another checkpoint.

const QUICK = 700, SLOW = 10000; // milliseconds between two looks while something is loaded, and otherwise
const list = element.querySelector(".models");
let loading = "", generation = null, timer = 0;

function make(tag, classes, ...inside) {
  const node = document.createElement(tag);
  node.className = classes;
  node.append(...inside);
  return node;
}

function progress({ loading: what, share, seconds }) {
  const node = make("div", "model-progress", make("span", "", what + (seconds > 1 ? " · " + sphinx.word("chat.seconds", { seconds }) : "")));
  const bar = document.createElement("progress");
  bar.setAttribute("aria-label", what);
  if (share !== null) bar.value = share;
  node.append(bar);
  return node;
}

function row({ name, says, needs, download, refused, here }) {
  const costs = [sphinx.word("models.needs", { needs }), download && sphinx.word("models.download", { download })];
  const facts = [says, ...costs].filter(Boolean).join(" · ");
  const button = make("button", "", sphinx.word(here ? "models.loaded" : "models.load"));
  button.type = "button";
  button.disabled = here || Boolean(refused) || Boolean(loading);
  button.setAttribute("aria-label", sphinx.word(here ? "models.loaded_which" : "models.load_which", { name }));
  button.addEventListener("click", () => {
    trigger("switch", { name });
    again(QUICK);
  });
  const words = make("div", "", make("b", "", name), make("small", "", refused || facts));
  return make("li", here ? "here" : refused ? "refused" : "", words, button);
}

// in sight even where the drawer is shut
function tellAbove(state) {
  const place = document.querySelector(".top .state:not(.waiting)");
  let told = place && place.querySelector(".model-coming");
  if (!place || !state.loading) {
    if (told) told.remove();
    return;
  }
  if (!told) place.append((told = make("span", "model-coming")));
  told.textContent = " · " + state.loading + (state.share === null ? "" : " (" + Math.round(100 * state.share) + " %)");
}

function draw(state) {
  const value = props.value || {};
  loading = state.loading;
  tellAbove(state);
  list.replaceChildren();
  if (loading) list.append(progress(state));
  if (state.refused) list.append(make("p", "model-refused", state.refused));
  if (!value.loaded || !value.loaded.length) return;
  const there = { names: value.loaded.join(", "), device: value.device, held: value.held, left: value.left };
  list.append(make("p", "", sphinx.word(value.left ? "models.there" : "models.there_alone", there)));
  if (value.choices.length) list.append(make("ul", "", ...value.choices.map(row)));
}

async function look() {
  let state = null;
  try {
    state = await (await fetch(new URL("../models", props.modules.url))).json();
  } catch {
    // the server is away for a moment: ask again later
  }
  if (state) {
    if (generation !== null && state.generation !== generation) trigger("changed");
    else if (loading && !state.loading) trigger("look"); // it failed: what is left has changed
    generation = state.generation;
    draw(state);
  }
  again(loading ? QUICK : SLOW);
}

function again(delay) {
  clearTimeout(timer);
  timer = setTimeout(() => (document.visibilityState === "hidden" ? again(SLOW) : look()), delay);
}

document.addEventListener("click", (event) => {
  if (event.target.closest?.("#about-button")) trigger("look");
});
watch("value", () => props.value && draw(props.value));
look();
