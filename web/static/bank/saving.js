// Says honestly whether what stands in the editor is kept on the server. The keeping itself is htmx's (bank/editor.html posts
// the form half a second after the last key); this file watches it, tries again, and asks before unkept text is left.

const RETRY_MS = 5000;
const form = document.getElementById("editor");
const side = form?.querySelector("[hx-post$='/preview']");
let typed = 0; // counts what was typed …
let asked = 0; // … and how much of it the request under way carries
let kept = 0;
let retry = 0;

const box = () => document.getElementById("saving");
const dirty = () => typed !== kept && box()?.dataset.state !== "closed";

function say(state) {
  const place = box();
  if (!place) return;
  place.dataset.state = state;
  const words = { typing: place.dataset.typing, failed: place.dataset.failed, out: place.dataset.out }[state];
  const line = place.querySelector("p");
  if (words && line.textContent !== words) line.textContent = words;
}

function noteTyping(event) {
  if (event.target.type === "file") return;
  typed += 1;
  if (box()?.dataset.state === "kept" || box()?.dataset.state === "blank") say("typing");
}

function failed(status) {
  say(status === 401 || status === 403 ? "out" : "failed");
  window.clearTimeout(retry);
  retry = window.setTimeout(() => window.htmx.trigger(side, "keep"), RETRY_MS);
}

function beacon() {
  const fields = new FormData(form);
  fields.delete("figure");
  navigator.sendBeacon(side.getAttribute("hx-post"), fields);
}

if (form && side) {
  form.addEventListener("input", noteTyping);
  form.addEventListener("change", noteTyping);
  side.addEventListener("htmx:beforeRequest", (event) => {
    if (event.detail.elt === side) asked = typed;
  });
  side.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt !== side) return;
    if (!event.detail.successful) return failed(event.detail.xhr?.status ?? 0);
    window.clearTimeout(retry);
    kept = asked;
    if (dirty()) say("typing");
    return undefined;
  });
  form.addEventListener("submit", (event) => {
    if (box()?.dataset.state === "out") {
      event.preventDefault(); // the server would answer with its sign-in page, and the text would be gone
      window.htmx.trigger(side, "keep");
      return;
    }
    if (dirty() && event.submitter?.formAction.endsWith("/discard")) beacon(); // throws another draft away, not this text
    kept = typed;
  });
  window.addEventListener("beforeunload", (event) => {
    if (dirty()) event.preventDefault();
  });
  window.addEventListener("pagehide", () => {
    if (dirty()) beacon();
  });
}
