// Puts remarks beside the fields they are about: what the item-writing rules say while one types, and what reviewers said.
// The list of the rules stays beside the preview; without this file all is read in the lists. A remark names its field by data-where: `stem`,
// `options.2` (the second field named option_2) …; a field that is not on the form keeps its remarks in the list.

const form = document.getElementById("editor");
const NAMES = { key: "answer", accepted: "answer" }; // `key.2`: the answers of blank 2

function fieldOf(where) {
  const [name, number] = where.split(".");
  const own = form.elements[`${NAMES[name] ?? name}_${number}`] ?? form.elements[`${name.replace(/s$/, "")}_${number}`];
  const found = number ? own : form.elements[name];
  if (found) return found instanceof RadioNodeList ? found[0] : found;
  if (where === "key" && form.elements.kind.value === "numeric") return form.elements.number;
  return where === "options" || where === "key" ? form.querySelector("fieldset:not([hidden]) [name=correct]") : null;
}

function holderOf(field) {
  return field.closest(".option-row, .pair-row, .field") ?? field.parentElement;
}

function place(list, kind) {
  form.querySelectorAll(`.beside.${kind}`).forEach((old) => old.remove());
  form.querySelectorAll(`[aria-describedby*="beside-${kind}-"]`).forEach((field) => describe(field, kind, ""));
  let number = 0;
  for (const line of list?.querySelectorAll("[data-where]") ?? []) {
    const where = line.dataset.where;
    const field = where && fieldOf(where);
    if (!field) continue;
    const box = document.createElement("div");
    box.className = `beside ${kind}`;
    box.id = `beside-${kind}-${(number += 1)}`;
    box.append(...[...line.childNodes].map((node) => node.cloneNode(true)));
    box.querySelector("strong")?.classList.add("beside-name");
    holderOf(field).append(box);
    describe(field, kind, box.id);
    line.classList.add("placed");
  }
}

// Screen readers hear a remark with its field; live typing does not interrupt them.
function describe(field, kind, id) {
  const others = (field.getAttribute("aria-describedby") ?? "").split(" ").filter((one) => one && !one.startsWith(`beside-${kind}-`));
  const ids = [...others, id].filter(Boolean).join(" ");
  if (ids) field.setAttribute("aria-describedby", ids);
  else field.removeAttribute("aria-describedby");
}

if (form) {
  place(document.getElementById("talk"), "said");
  place(document.getElementById("preview"), "lint");
  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target?.id === "preview") place(document.getElementById("preview"), "lint");
  });
}
