// What this tab remembers of its visit, so that a reload, Back or a tab that is opened again goes on with it.
// The visit itself lies on the server, under a key that no script can read; here are the tab's own name for it
// (see enter.js, which sends it), whether there was anything in it, and words that were not sent yet.

const HAD = "sphinx-live-had", DRAFT = "sphinx-live-draft";

function field() { return document.querySelector("#words textarea"); }

function write(storage, name, value) {
  try {
    storage().setItem(name, value);
    if (!value) storage().removeItem(name);
    return true;
  } catch {
    return false; // a frame may be allowed no storage
  }
}

function draft() {
  try {
    return sessionStorage.getItem(DRAFT);
  } catch {
    return null;
  }
}

function filled() {
  return Boolean(document.querySelector(".canvas.has-picture, #chat .message"));
}

function running() {
  return Boolean(document.querySelector("#words .stop-button, #queue .queued"));
}

window.addEventListener("pagehide", () => {
  write(() => sessionStorage, HAD, filled() ? "1" : "");
  write(() => localStorage, HAD, filled() ? "1" : "");
});

window.addEventListener("beforeunload", (event) => {
  const kept = write(() => sessionStorage, DRAFT, field()?.value || "");
  const brought = kept && props.value && props.value.kept;
  if (running() || (!brought && (filled() || field()?.value))) event.preventDefault();
});

element.addEventListener("click", (event) => {
  if (!event.target.closest(".forget")) return;
  if (!window.confirm(sphinx.word("about.forget_sure"))) return;
  write(() => sessionStorage, DRAFT, "");
  trigger("forget");
});

function again() {
  const words = draft(), there = field();
  if (!words || !there || there.value) return;
  there.value = words;
  there.dispatchEvent(new Event("input", { bubbles: true }));
  write(() => sessionStorage, DRAFT, "");
}

watch("value", () => {
  again();
  if (props.value && props.value.waiting) trigger("resume"); // messages that were sent before the reload
});
