/**
 * A faint tiled mark over the page: name tail, number tail, seat, minute. A photograph of the screen says whose it was.
 * Drawn as a blob picture and set through the style object, so that no inline style is needed.
 */

const MINUTE_MS = 60_000;

/**
 * @param {HTMLElement} layer
 * @param {string} text
 * @param {() => string} minute the minute now, as text
 */
export function startWatermark(layer, text, minute) {
  let shown = "";
  let url = null;
  const draw = () => {
    const line = `${text} · ${minute()}`;
    if (line === shown) return;
    shown = line;
    const next = URL.createObjectURL(new Blob([tile(line)], { type: "image/svg+xml" }));
    layer.style.backgroundImage = `url("${next}")`;
    if (url) URL.revokeObjectURL(url);
    url = next;
  };
  draw();
  setInterval(draw, MINUTE_MS / 6);
}

function tile(line) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("width", "620");
  svg.setAttribute("height", "300");
  for (const [x, y] of [[14, 140], [324, 290]]) {
    const text = document.createElementNS("http://www.w3.org/2000/svg", "text");
    text.setAttribute("transform", `translate(${x} ${y}) rotate(-24)`);
    text.setAttribute("font-family", "sans-serif");
    text.setAttribute("font-size", "13");
    text.setAttribute("fill", "#808890");
    text.setAttribute("fill-opacity", "0.16");
    text.textContent = line;
    svg.append(text);
  }
  return new XMLSerializer().serializeToString(svg);
}
