/**
 * The two last screens: the receipt, and "this page may not go on".
 */
import { byId, setText, show } from "../dom.js";
import { beijing, t } from "../text.js";

const RELOADABLE = new Set(["fenced", "other_window"]);

/** The end of a sitting, with the receipt when there is one. */
export function showFinished(sitting) {
  const end = sitting.end ?? "forced";
  setText(byId("finished-title"), t(`finished_${end}`));
  setText(byId("finished-text"), t(`finished_${end}_text`));
  const { receipt, leftovers } = sitting;
  show(byId("receipt"), Boolean(receipt));
  show(byId("receipt-hint"), Boolean(receipt));
  if (receipt) {
    setText(byId("receipt-answered"), t("receipt_answered", { answered: receipt.answered, total: receipt.total }));
    setText(byId("receipt-time"), beijing(receipt.at_ms));
    setText(byId("receipt-code"), receipt.code.match(/.{1,4}/g).join("-"));
  }
  show(byId("leftovers"), leftovers > 0);
  if (leftovers) setText(byId("leftovers"), t("leftovers", { n: leftovers }));
  byId("finished-title").focus();
}

/** Nothing of the sitting is on this computer any more: signing out is safe. */
export function showCleared() {
  show(byId("clearing"), false);
  show(byId("cleared"), true);
}

/** @param {string} why see `Sitting.stoppedBy` */
export function showStopped(why, onContinue) {
  setText(byId("stopped-title"), t(`stopped_${why}`));
  setText(byId("stopped-text"), t(`stopped_${why}_text`));
  show(byId("continue-here"), RELOADABLE.has(why));
  show(byId("sign-in-again"), why === "signin");
  byId("continue-here").onclick = onContinue;
  byId("stopped-title").focus();
}
