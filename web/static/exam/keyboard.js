/**
 * Keys of the exam page. One listener; what a key means is one pure function.
 *
 * 1-9 and A-H answer, arrows left and right move between questions, arrows up and down move between options without
 * choosing (a native radio group would choose, and so answer by accident), F sets the mark, Delete clears. On the rare
 * question that has an option F, F answers it; 0 always sets the mark. A key held down acts once. Where words are typed only
 * Page Up and Page Down move.
 */

const TYPING = "input:not([type=radio]):not([type=checkbox]), textarea, select, [contenteditable]";

/**
 * @param {{ code: string }} event
 * @param {number} optionCount options of the question on screen
 * @returns {{ do: "answer", position: number } | { do: "next" | "previous" | "flag" | "clear" } | { do: "focus", step: number } | null}
 */
export function meaning({ code }, optionCount) {
  const digit = /^(?:Digit|Numpad)([0-9])$/.exec(code);
  if (digit) return digit[1] === "0" ? { do: "flag" } : answer(Number(digit[1]) - 1, optionCount);
  const letter = /^Key([A-H])$/.exec(code);
  if (letter) {
    const position = letter[1].charCodeAt(0) - 65;
    if (letter[1] === "F" && position >= optionCount) return { do: "flag" };
    return answer(position, optionCount);
  }
  if (code === "Delete" || code === "Backspace") return { do: "clear" };
  if (code === "ArrowRight" || code === "PageDown") return { do: "next" };
  if (code === "ArrowLeft" || code === "PageUp") return { do: "previous" };
  if (code === "ArrowDown") return { do: "focus", step: 1 };
  if (code === "ArrowUp") return { do: "focus", step: -1 };
  return null;
}

function answer(position, optionCount) {
  return position < optionCount ? { do: "answer", position } : null;
}

/**
 * @param {{ optionCount: () => number, act: (meaning: object, event: KeyboardEvent) => boolean }} target
 *   `act` returns false when it has no use for the key.
 * @returns {() => void} stops listening
 */
export function listen(target) {
  const onKey = (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing) return;
    const typing = event.target.closest?.(TYPING);
    const leaves = typing?.localName === "input" && ["PageUp", "PageDown"].includes(event.code);
    if ((typing && !leaves) || document.querySelector("dialog[open]")) return;
    const meant = meaning(event, target.optionCount());
    if (!meant) return;
    const once = meant.do !== "next" && meant.do !== "previous" && meant.do !== "focus";
    if ((event.repeat && once) || target.act(meant, event)) event.preventDefault();
  };
  document.addEventListener("keydown", onKey);
  return () => document.removeEventListener("keydown", onKey);
}
