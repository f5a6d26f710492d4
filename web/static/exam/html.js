/**
 * Question text into the page by an allow-list.
 *
 * The server has sanitised it already; this is the second wall. The text is parsed into an inert document (nothing loads,
 * nothing runs) and rebuilt element by element, so what is not named here cannot reach the page.
 */

const ELEMENTS = new Set(
  ("p br hr strong b em i u s sub sup small code pre blockquote span div ul ol li dl dt dd ruby rt rp " +
    "table caption colgroup col thead tbody tfoot tr th td figure figcaption img").split(" "),
);
const MATHML = new Set(
  ("math mrow mi mn mo ms mtext mspace mfrac msqrt mroot msub msup msubsup munder mover munderover " +
    "mtable mtr mtd mstyle mpadded mphantom menclose semantics").split(" "),
);
const ATTRIBUTES = {
  img: ["alt", "width", "height"],
  td: ["colspan", "rowspan"],
  th: ["colspan", "rowspan", "scope"],
  col: ["span"],
  ol: ["start", "type"],
  math: ["display"],
  mo: ["stretchy"],
};
const DROPPED = new Set(["script", "style", "template", "iframe", "object", "embed", "svg", "form", "head", "title"]);
const MATHML_NAMESPACE = "http://www.w3.org/1998/Math/MathML";
const MEDIA = /^media:([A-Za-z0-9:_+/=.-]+)$/;

/**
 * @param {string} html
 * @param {(digest: string) => string | null} mediaUrl object URL of a picture of the paper
 * @returns {DocumentFragment}
 */
export function safeFragment(html, mediaUrl) {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const fragment = document.createDocumentFragment();
  copyChildren(parsed.body, fragment, mediaUrl);
  return fragment;
}

function copyChildren(source, target, mediaUrl) {
  for (const node of source.childNodes) {
    if (node.nodeType === Node.TEXT_NODE) target.append(node.data);
    else if (node.nodeType === Node.ELEMENT_NODE) copyElement(node, target, mediaUrl);
  }
}

function copyElement(node, target, mediaUrl) {
  const name = node.localName;
  if (DROPPED.has(name)) return;
  const element = allowed(node, name);
  if (!element) {
    copyChildren(node, target, mediaUrl);
    return;
  }
  if (name === "span" && node.className === "math") element.className = "math";
  for (const attribute of ATTRIBUTES[name] ?? []) {
    const value = node.getAttribute(attribute);
    if (value !== null) element.setAttribute(attribute, value);
  }
  if (name === "img" && !fillImage(node, element, mediaUrl)) return;
  copyChildren(node, element, mediaUrl);
  target.append(element);
}

function allowed(node, name) {
  if (node.namespaceURI === MATHML_NAMESPACE) {
    return MATHML.has(name) ? document.createElementNS(MATHML_NAMESPACE, name) : null;
  }
  return ELEMENTS.has(name) ? document.createElement(name) : null;
}

function fillImage(node, image, mediaUrl) {
  const found = MEDIA.exec(node.getAttribute("src") ?? "");
  const url = found && mediaUrl(found[1]);
  if (!url) return false;
  image.src = url;
  image.draggable = false;
  if (!image.hasAttribute("alt")) image.alt = "";
  return true;
}
