// Light or dark, as the visitor likes it; Gradio begins with what the system says.

element.addEventListener("click", (event) => {
  if (event.target.closest(".theme")) document.body.classList.toggle("dark");
});
