// What stands above the field: messages that wait for their answer, each to be taken back, and the message that is
// being said in other words. The buttons in the conversation's own messages are heard here, too, and those beside
// the field are named.

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

function pressed(event) {
  const button = event.target.closest?.("#chat .reword, #chat .branch");
  if (!button || (event.type === "keydown" && event.key !== "Enter" && event.key !== " ")) return;
  event.preventDefault();
  const number = (name) => Number([...button.classList].find((one) => one.startsWith(name)).slice(name.length));
  if (button.classList.contains("reword")) {
    trigger("reword", { turn: number("turn-") });
    document.querySelector("#words textarea")?.focus();
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
document.addEventListener("click", pressed);
document.addEventListener("keydown", pressed);
watch("value", draw);
draw();
