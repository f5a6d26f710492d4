/**
 * The sign-in page: a candidate's sealed paper does not outlive the candidate at this computer (see package.js). Outboxes are
 * left alone. And the computer stays the computer it was, also when its cookie was lost with a killed browser.
 */
import { settle } from "./pcmirror.js";

const { dataset } = document.getElementById("enter-box");
try {
  if (await settle(dataset.pcMirror, "pcNew" in dataset)) location.replace("/exam");
} catch (error) {
  console.warn("this computer cannot be remembered beside its cookie", error?.name);
}
try {
  await window.caches?.delete("jikao-paper");
} catch (error) {
  console.warn("the paper kept here could not be removed", error?.name);
}
