// The conversation on a narrow page, where it lies below the picture and scrolls with the page.

const NARROW = "(max-width: 860px)";
const AFLOAT = 0.3; // of the window's height: the least that a picture has which stays in sight

/** Keep the newest message above the message box while it grows, unless the visitor has scrolled elsewhere. */
export function followChat() {
  const chat = document.querySelector("#chat");
  if (!chat) return;
  let count = 0, following = false;

  function follow() {
    if (!matchMedia(NARROW).matches) return;
    const messages = chat.querySelectorAll(".message");
    if (messages.length > count) following = true;
    count = messages.length;
    if (following && count) messages[count - 1].scrollIntoView({ block: "nearest" });
  }

  new MutationObserver(follow).observe(chat, { childList: true, subtree: true, characterData: true });
  for (const name of ["touchmove", "wheel"]) {
    document.addEventListener(name, () => { following = false; }, { passive: true });
  }
}

/** Take away the names that Gradio gives to messages: they hold the markup, and would be read out before the words. */
export function unnameMessages() {
  const chat = document.querySelector("#chat");
  if (!chat) return;
  const unname = () => chat.querySelectorAll(".message [data-testid][aria-label]").forEach((node) => node.removeAttribute("aria-label"));
  new MutationObserver(unname).observe(chat, { childList: true, subtree: true, attributeFilter: ["aria-label"] });
  unname();
}

/**
 * Keep the picture in sight where the page is narrow: scrolled out at the top, it stays there and shrinks.
 * `tell(afloat)` is called when it begins to and when it is back in its place.
 */
export function floatStage(root, place, tell) {
  const narrow = matchMedia(NARROW);

  function settle() {
    const { top, bottom, height } = place.getBoundingClientRect();
    const was = root.classList.contains("afloat"), afloat = narrow.matches && height > 0 && top < 0;
    root.classList.toggle("afloat", afloat);
    const least = Math.min(AFLOAT * innerHeight, height);
    root.style.setProperty("--afloat", Math.min(Math.max(bottom, least), height) + "px");
    document.body.style.setProperty("--least", least + "px");
    if (afloat !== was) tell(afloat);
  }

  document.addEventListener("scroll", settle, { passive: true });
  addEventListener("resize", settle);
  new ResizeObserver(settle).observe(place);
}

/** Bring the picture into sight where the page is narrow. */
export function showStage(stage) {
  if (matchMedia(NARROW).matches) stage.scrollIntoView({ block: "nearest", behavior: "smooth" });
}
