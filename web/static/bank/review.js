// Reviewing by keyboard: arrows go through the queue, Ctrl+Enter approves. Everything works by links and buttons without this.

const typing = (target) => target.closest?.("textarea, select, input, [contenteditable]");

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    document.querySelector("[data-approve]")?.click();
    return;
  }
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || typing(event.target)) return;
  const rel = { ArrowLeft: "prev", ArrowRight: "next" }[event.key];
  if (rel) document.querySelector(`.queue-nav a[rel="${rel}"]`)?.click();
});
