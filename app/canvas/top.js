// The page's language, and light or dark, as the visitor likes it and as this browser remembers; Gradio begins with what the system says.

const MODE = "sphinx-live-mode";

function remembered() {
  try {
    return localStorage.getItem(MODE);
  } catch {
    return null; // a frame may be allowed no storage
  }
}

function darken(dark) {
  document.body.classList.toggle("dark", dark);
}

if (remembered()) darken(remembered() === "dark");
element.addEventListener("click", (event) => {
  if (event.target.closest(".language")) sphinx.speak(sphinx.language === "en" ? "zh" : "en");
  if (!event.target.closest(".theme")) return;
  const dark = !document.body.classList.contains("dark");
  darken(dark);
  try {
    localStorage.setItem(MODE, dark ? "dark" : "light");
  } catch {
    // the choice holds for this visit
  }
});
