// Ctrl+S (or Cmd+S) saves the item as a draft. Everything else on the page works without this file.
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "s") {
    event.preventDefault();
    document.querySelector("[data-save]")?.click();
  }
});
