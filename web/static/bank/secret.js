// Whose screen this is, faintly over the page: who reads a secret paper leaves a name on every photograph of it.
import { startWatermark } from "../exam/watermark.js";

const layer = document.querySelector("[data-watermark]");
const two = (number) => String(number).padStart(2, "0");

function minute() {
  const now = new Date();
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())} ${two(now.getHours())}:${two(now.getMinutes())}`;
}

if (layer) startWatermark(layer, layer.dataset.watermark, minute);
