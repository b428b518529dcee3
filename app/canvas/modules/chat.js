// The conversation on a narrow page, where it lies below the picture and scrolls with the page.

const NARROW = "(max-width: 860px)";

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

/** Bring the picture into sight where the page is narrow. */
export function showStage(stage) {
  if (matchMedia(NARROW).matches) stage.scrollIntoView({ block: "nearest", behavior: "smooth" });
}
