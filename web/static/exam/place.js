/**
 * Which question was on the screen, so that a reload comes back to it: one small number per sitting, gone with the receipt.
 */

const NAME = "jikao.place.";

/** Where there is no storage the page simply begins at the first question again. */
function quietly(act) {
  try {
    return act();
  } catch (error) {
    console.warn("the place in the paper could not be kept", error.name);
    return null;
  }
}

export function remember(sitting, slot) {
  quietly(() => localStorage.setItem(NAME + sitting, String(slot)));
}

/** The slot, or null. */
export function remembered(sitting) {
  const slot = Number(quietly(() => localStorage.getItem(NAME + sitting)));
  return Number.isInteger(slot) && slot > 0 ? slot : null;
}

export function forget(sitting) {
  quietly(() => localStorage.removeItem(NAME + sitting));
}
