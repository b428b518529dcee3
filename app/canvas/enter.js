// oxlint-disable-next-line no-unused-expressions -- Gradio calls what stands here
() => {
  // What this tab says of itself when the page is loaded: its name, whether it is new, and whether there was
  // anything in its visit, or in that of the tab before it. A frame may be allowed no storage.
  const NAME = "sphinx-live-tab", HAD = "sphinx-live-had";
  let name = null, had = false;
  try {
    name = sessionStorage.getItem(NAME);
    had = Boolean((name ? sessionStorage : localStorage).getItem(HAD));
  } catch {
    // every load is then that of a new tab
  }
  const fresh = !name;
  if (fresh) {
    name = Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    try {
      sessionStorage.setItem(NAME, name);
    } catch {
      // as above
    }
  }
  return [JSON.stringify({ tab: name, fresh, had }), null];
}
