/**
 * Small helpers for building and finding elements. No inline styles or handlers: the page runs under a strict CSP.
 */

/** The element with this id; a missing one is a fault of the template and must be seen at once. */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`#${id} is missing from the page`);
  return element;
}

/** Create an element: `el("button", { type: "button", class: "btn" }, "text", child)`. Text is never parsed as HTML. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Write text only when it differs, so that live regions and selections are not disturbed. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function show(element, visible) {
  if (element.hidden === visible) element.hidden = !visible;
}

export function toggleAttribute(element, name, on, value = "") {
  if (on) element.setAttribute(name, value);
  else element.removeAttribute(name);
}
