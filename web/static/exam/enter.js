/**
 * The sign-in page: a candidate's sealed paper does not outlive the candidate at this computer (see package.js). Outboxes are
 * left alone.
 */
try {
  await window.caches?.delete("jikao-paper");
} catch (error) {
  console.warn("the paper kept here could not be removed", error?.name);
}
