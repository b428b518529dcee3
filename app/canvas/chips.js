// Suggestions: a finished one is sent, an unfinished one goes into the text field to be completed.
// Those in an answer of the chat are sent, too; one of the greeting brings its example picture with it.

const sayFromChat = (event) => {
  const said = event.target.closest?.("#chat .say");
  if (!said || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  // a button in another language carries its words in English as its title
  const words = said.classList.contains("told") ? said.title : said.textContent;
  trigger("say", { words, example: said.id.startsWith("on-") ? said.id.slice(3) : "" });
};
document.addEventListener("click", sayFromChat);
document.addEventListener("keydown", sayFromChat);

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (!button) return;
  if (button.classList.contains("more")) {
    const all = element.classList.toggle("all");
    button.textContent = sphinx.word(all ? "chat.fewer" : "chat.more");
    button.setAttribute("aria-expanded", String(all));
    return;
  }
  const words = button.dataset.words;
  if (button.dataset.send) {
    trigger("say", { words });
    return;
  }
  const field = document.querySelector("#words textarea");
  const gap = words.indexOf("...");
  field.value = words.replaceAll("...", "");
  field.dispatchEvent(new Event("input", { bubbles: true }));
  field.focus();
  field.setSelectionRange(gap, gap);
});
