// A picture comes in: chosen, dropped, pasted or taken with the camera.

import { addressOf, make, takesText } from "./dom.js";
import { word } from "./language.js";
import { createQuestion, looksLikeMask } from "./masks.js";

function filesOf(transfer) {
  return transfer ? [...transfer.files].filter((item) => item.size) : [];
}

/**
 * Say whether a paste is a picture for the page. In a field, whatever has words is text: an office program puts
 * words and a picture of them on the clipboard at once.
 */
export function pastesPicture(target, transfer) {
  if (!filesOf(transfer).length) return false;
  const words = [...transfer.types].includes("text/plain") && transfer.getData("text/plain").trim();
  return !(takesText(target) && words);
}

/** Return why an upload was refused, in words: ours, or our own for what something on the way answered. */
function reasonOf(status, type, said) {
  try {
    const ours = type.startsWith("text/plain") ? said : type.startsWith("application/json") && JSON.parse(said).error;
    if (ours) return String(ours).replace(/[.\s]+$/, "");
  } catch { /* no JSON after all */ }
  return word(status === 413 ? "intake.too_large" : "intake.cut_off");
}

/** Send a file to the server. Returns the token to open it by; an error says why there is none. */
async function upload(file) {
  let answer, said;
  try {
    answer = await fetch(addressOf("../kept/upload"), { method: "POST", body: file });
    said = await answer.text();
  } catch {
    throw new Error(word("intake.cut_off")); // the browser's own words are for programmers
  }
  const type = answer.headers.get("Content-Type") || "";
  if (!answer.ok || !type.startsWith("text/plain")) throw new Error(reasonOf(answer.status, type, said));
  return said;
}

/**
 * Create the intake. `canvas`: element, root and trigger; `size()` is the open picture's, or null. Returns what the
 * rest of the page needs of it.
 */
export function createIntake({ element, root, trigger, size }) {
  const message = element.querySelector(".intake-message"), file = element.querySelector("input.file");
  const camera = createCamera(root, element.querySelector(".camera"), send, () => {
    // no camera to be had this way (a phone without https has its own): the file dialog may offer one
    file.setAttribute("capture", "environment");
    file.click();
    file.removeAttribute("capture");
  });
  let arriving = false; // a picture has been chosen and is not drawn yet
  let open = false; // the intake is open over a picture
  const question = createQuestion(element);

  function say(words) { message.textContent = words; }

  function show(visible) {
    open = visible;
    if (!visible) question.ask(null);
    root.classList.toggle("choosing", visible || !root.classList.contains("has-picture"));
  }

  /** Take a file; one that looks like a mask of the open picture is asked about first. */
  async function take(picture) {
    if (!picture) return;
    const there = size();
    if (there && await looksLikeMask(picture, there)) {
      show(true);
      say("");
      question.ask(picture);
    } else {
      send(picture);
    }
  }

  async function send(picture, event = "intake") {
    if (!picture) return;
    question.ask(null);
    show(true);
    say(word("intake.uploading", { name: picture.name || word("intake.unnamed") }));
    try {
      const token = await upload(picture);
      say(word("intake.opening"));
      arriving = true;
      trigger(event, { token });
    } catch (error) {
      say(word("intake.failed", { reason: error.message }));
    }
  }

  function example(name) {
    say(word("intake.opening_example"));
    arriving = true;
    trigger("example", { name });
  }

  /** Close after a value came: the picture that was chosen, or a new one. */
  function settle(hasPicture, isNew) {
    if (arriving || isNew) open = false;
    arriving = false;
    root.classList.toggle("choosing", open || !hasPicture);
    if (!open) question.ask(null);
    if (!open) say("");
  }

  const chosen = () => { take(file.files[0]); file.value = ""; };
  file.addEventListener("change", chosen);
  if (file.files.length) chosen(); // before this script was there
  listenForFiles(root, take);
  const answer = (event) => send(question.asked, event);
  return { answer, say, settle, example, camera, show, choose: () => file.click(), get open() { return open; } };
}

function listenForFiles(root, send) {
  const take = (event, transfer) => {
    event.preventDefault();
    event.stopPropagation();
    send(filesOf(transfer)[0]);
  };
  document.addEventListener("dragover", (event) => {
    if (!event.dataTransfer || ![...event.dataTransfer.types].includes("Files")) return;
    event.preventDefault();
    root.classList.add("dropping");
  }, true);
  document.addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) root.classList.remove("dropping");
  }, true);
  document.addEventListener("drop", (event) => {
    root.classList.remove("dropping");
    if (filesOf(event.dataTransfer).length) take(event, event.dataTransfer);
  }, true);
  document.addEventListener("paste", (event) => {
    if (pastesPicture(event.target, event.clipboardData)) take(event, event.clipboardData);
  }, true);
}

/** The camera's little window. `without()` is called where the browser gives no camera. */
function createCamera(root, window, send, without) {
  const video = window.querySelector("video");
  let film = null;

  async function open() {
    try {
      film = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    } catch {
      without();
      return;
    }
    video.srcObject = film;
    await video.play();
    root.classList.add("filming");
    window.querySelector("button").focus();
  }

  function close() {
    if (film) film.getTracks().forEach((track) => track.stop());
    film = null;
    root.classList.remove("filming");
  }

  function shoot() {
    const paper = document.createElement("canvas");
    paper.width = video.videoWidth;
    paper.height = video.videoHeight;
    paper.getContext("2d").drawImage(video, 0, 0);
    close();
    paper.toBlob((blob) => send(new File([blob], "photo.jpg", { type: "image/jpeg" })), "image/jpeg", 0.92);
  }

  return { open, close, shoot };
}

/** Draw the example pictures once. */
export function drawExamples(element, examples) {
  const box = element.querySelector(".examples");
  if (box.childElementCount === examples.length) return;
  box.textContent = "";
  for (const example of examples) {
    const button = make("button", "example", { type: "button", "data-example": example.name, title: example.name });
    button.append(make("img", "", { src: example.file.url, alt: example.name, loading: "lazy", draggable: "false" }));
    box.append(button);
  }
  element.querySelector(".examples-title").hidden = !examples.length;
}
