// Asks for a file to take home; when it has come, the browser saves it.

element.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button) trigger("take", { kind: button.dataset.kind });
});
// a region's own button asks for that region alone: {kind, id}
document.addEventListener("take-away", (event) => trigger("take", event.detail));

watch("value", () => {
  const file = props.value && props.value.file;
  if (!file) return;
  const link = document.createElement("a");
  link.href = new URL(file.url, props.modules.url).href;
  link.download = file.orig_name;
  document.body.append(link);
  link.click();
  link.remove();
});
