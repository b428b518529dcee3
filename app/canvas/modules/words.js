// The message box: names of regions are put into it, and whole sentences.

const ONLY_NAMED = /^\s*[@#]\d+\s*$/;

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

/**
 * Put "@3" where the caret is. A message that is nothing but the name of another region gets this one instead.
 */
export function nameRegion(id) {
  const words = field();
  if (!words) return;
  const text = ONLY_NAMED.test(words.value) ? "" : words.value;
  if (new RegExp("[@#]" + id + "\\b").test(text)) return;
  const at = text ? [words.selectionStart ?? text.length, words.selectionEnd ?? text.length] : [0, 0];
  write(...inserted(text, ...at, "@" + id));
}

/** Take "@3" out again where the message is nothing else. */
export function unnameRegion(id) {
  if (field()?.value.trim() === "@" + id) write("", 0);
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
  document.querySelector("#words .submit-button")?.click();
}
