// The message box: names of regions are put into it, and whole sentences.

const field = () => document.querySelector("#words textarea");

/** Return `text` with `name` put in at `start`..`end`, apart from what stands beside it, and the new caret. */
export function inserted(text, start, end, name) {
  const before = text.slice(0, start), after = text.slice(end);
  const lead = before && !/\s$/.test(before) ? " " : "";
  const trail = /^[\s.,;:!?]/.test(after) ? "" : " ";
  return [before + lead + name + trail + after, (before + lead + name + trail).length];
}

function write(text, caret) {
  const words = field();
  if (!words) return;
  words.value = text;
  words.dispatchEvent(new Event("input", { bubbles: true }));
  words.setSelectionRange(caret, caret);
}

/** Put "@3" into the message where the caret is; a message that is only such a name is replaced. */
export function nameRegion(id) {
  const words = field();
  if (!words) return;
  const text = words.value;
  if (/^@\d+\s*$/.test(text)) write("@" + id + " ", String(id).length + 2);
  else if (!new RegExp("[@#]" + id + "\\b").test(text)) {
    write(...inserted(text, words.selectionStart ?? text.length, words.selectionEnd ?? text.length, "@" + id));
  }
}

/** Take a name that was put in and never used out of the message again. */
export function unnameRegion() {
  const words = field();
  if (words && /^@\d+\s*$/.test(words.value)) write("", 0);
}

/** Write a sentence and leave the caret at its "..." for the visitor to go on. */
export function compose(sentence) {
  const gap = sentence.indexOf("...");
  write(sentence.replace("...", ""), gap < 0 ? sentence.length : gap);
  field()?.focus();
}

/** Say a sentence, as if the visitor had typed and sent it. */
export function say(sentence) {
  write(sentence, sentence.length);
  // the text field's own value follows its event a moment later
  setTimeout(() => document.querySelector("#words .submit-button")?.click(), 30);
}
