// What stands above the field: messages that wait for their answer, each to be taken back, and the message that is
// being said in other words. What is written in the field is sent from here. The buttons in the conversation's own
// messages are heard here, too, and those beside the field are named.

const list = element.querySelector(".queue");

function row(kind, title, words, number, back) {
  const node = document.createElement("div");
  node.className = "queued " + kind;
  const name = document.createElement("b");
  name.textContent = title;
  const said = document.createElement("span");
  said.textContent = words;
  said.title = words;
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = "×";
  button.title = back;
  button.setAttribute("aria-label", back + ": " + words);
  button.addEventListener("click", () => trigger("take_back", { number }));
  node.append(name, said, button);
  return node;
}

function draw() {
  const { waiting, editing } = props.value || { waiting: [], editing: null };
  list.replaceChildren(
    ...waiting.map(({ number, words }) => row("waits", sphinx.word("chat.waits"), words, number, sphinx.word("chat.waits_hint"))),
    ...(editing === null ? [] : [row("rewords", sphinx.word("chat.instead"), editing, null, sphinx.word("chat.instead_hint"))]),
  );
}

const field = () => document.querySelector("#words textarea");

function write(words) {
  field().value = words;
  field().dispatchEvent(new Event("input", { bubbles: true }));
}

// The field is emptied while the key is pressed, and not when the server is asked: what is typed next stays
function send() {
  const words = field().value;
  write("");
  trigger("send", { words });
}

function entered(event) {
  if (event.key === "Enter" && !event.shiftKey && event.target === field()) send();
}

function clicked(event) {
  if (event.target.closest?.("#words .submit-button")) send();
}

/** Put what the server refused back in front of what was written since. */
function takeBack() {
  write([props.back.words, field().value].filter(Boolean).join("\n"));
}

function pressed(event) {
  const button = event.target.closest?.("#chat .reword, #chat .branch");
  if (!button || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  const number = (name) => Number([...button.classList].find((one) => one.startsWith(name)).slice(name.length));
  if (button.classList.contains("reword")) {
    trigger("reword", { turn: number("turn-") });
    field()?.focus();
  } else if (!button.classList.contains("none")) {
    trigger("go_to", { step: number("step-") });
  }
}

// Gradio gives its two buttons beside the field no names of their own
function nameButtons() {
  document.querySelector("#words .submit-button")?.setAttribute("aria-label", sphinx.word("chat.send"));
  document.querySelector("#words .stop-button")?.setAttribute("aria-label", sphinx.word("chat.stop"));
}

const saying = element.closest("#saying");
if (saying) new MutationObserver(nameButtons).observe(saying, { childList: true, subtree: true });
nameButtons();
list.setAttribute("role", "status");
list.setAttribute("aria-label", sphinx.word("chat.waiting"));
document.addEventListener("click", clicked);
document.addEventListener("click", pressed);
document.addEventListener("keydown", pressed);
document.addEventListener("keypress", entered); // unlike "keydown", not when Enter ends a word of an input method
watch("value", draw);
watch("back", takeBack);
draw();
