/**
 * Formulas: what stands in `<span class="math">` as LaTeX, typeset by KaTeX with MathML beside it for screen readers.
 *
 * KaTeX, its styles and its fonts are files of this server and are loaded with the first formula, or by `prepareFormulas`
 * while there is still a connection. Without them, and where a formula has a mistake, its LaTeX stays readable as it is.
 */
const BASE = "/static/vendor/katex@0.19.1/";
const FONTS = new Set(["KaTeX_Main", "KaTeX_Math", "KaTeX_Size1", "KaTeX_Size2", "KaTeX_Size3", "KaTeX_Size4", "KaTeX_AMS"]);
const HOW = { throwOnError: true, strict: "ignore", trust: false, maxExpand: 200, maxSize: 20, output: "htmlAndMathml" };

const SIGNS = {
  times: "×", cdot: "·", div: "÷", pm: "±", approx: "≈", neq: "≠", le: "≤", leq: "≤", ge: "≥", geq: "≥", infty: "∞", circ: "°", sqrt: "√",
  alpha: "α", beta: "β", delta: "δ", Delta: "Δ", eta: "η", theta: "θ", lambda: "λ", mu: "μ", pi: "π", rho: "ρ", tau: "τ", varphi: "φ",
  phi: "φ", Phi: "Φ", psi: "ψ", omega: "ω", Omega: "Ω", cos: "cos", sin: "sin", tan: "tan", ln: "ln", oplus: "⊕",
};

let loading = null;

/** Load everything needed to show formulas later, also with the cable out. */
export async function prepareFormulas() {
  try {
    await load();
    const faces = [...document.fonts].filter((face) => FONTS.has(face.family.replaceAll('"', "")));
    await Promise.all(faces.map((face) => face.load()));
  } catch (error) {
    console.warn("formulas will show as text", error?.name);
  }
}

/** Typeset every formula below `root`. Shows at once when KaTeX is there, else as soon as it is. */
export function typeset(root) {
  const formulas = [...root.querySelectorAll("span.math:not([data-done])")];
  if (formulas.length === 0) return;
  if (window.katex) formulas.forEach(render);
  else load().then(() => formulas.forEach(render), () => console.warn("formulas show as text"));
}

function render(formula) {
  if ("done" in formula.dataset) return; // asked for twice before KaTeX was there
  const tex = formula.textContent;
  formula.dataset.done = "";
  try {
    window.katex.render(tex, formula, HOW);
    if (formula.closest("label")) named(formula, tex);
  } catch (error) {
    formula.textContent = tex;
    console.warn("a formula cannot be typeset", error?.name);
  }
}

/** Browsers leave MathML out when they name a control by its label; there the formula needs a name in words. */
function named(formula, tex) {
  formula.setAttribute("role", "math");
  formula.setAttribute("aria-label", onOneLine(tex));
}

/** `\\frac{U}{R}` as `(U)/(R)`, `U_{2}` as `U2`, `\\omega` as its letter. */
export function onOneLine(tex) {
  let line = tex.replace(/\\(?:[,;:! ]|q?quad\b|left\b|right\b)/g, " ").replace(/\\([A-Za-z]+)/g, (whole, name) => SIGNS[name] ?? whole);
  for (let before = ""; before !== line; ) {
    before = line;
    line = line
      .replace(/\\(?:mathrm|text|mathit)\s*\{([^{}]*)\}/g, "$1")
      .replace(/_\{([^{}]*)\}/g, "$1")
      .replace(/\^\{([^{}]*)\}/g, "^($1)")
      .replace(/\\overline\s*\{([^{}]*)\}/g, "¬($1)")
      .replace(/√\s*\{([^{}]*)\}/g, "√($1)")
      .replace(/\\[dt]?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}/g, "($1)/($2)");
  }
  return line.replace(/[{}\\]/g, "").replace(/\s+/g, " ").trim();
}

function load() {
  loading ??= Promise.all([
    placed("link", { rel: "stylesheet", href: `${BASE}katex.min.css` }),
    placed("script", { src: `${BASE}katex.min.js` }),
  ]).catch((error) => {
    loading = null; // the next formula tries again
    throw error;
  });
  return loading;
}

function placed(name, properties) {
  const element = Object.assign(document.createElement(name), properties);
  return new Promise((resolve, reject) => {
    element.addEventListener("load", resolve);
    element.addEventListener("error", () => {
      element.remove();
      reject(new Error("not loaded"));
    });
    document.head.append(element);
  });
}

// Pages that come with their formulas, or swap them in.
typeset(document);
document.addEventListener("htmx:load", ({ target }) => typeset(target));
