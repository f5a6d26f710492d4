/**
 * Time left in words for screen readers: at 30, 10, 5 and 1 minute, each once, and never otherwise.
 */
import { setText } from "./dom.js";
import { t } from "./text.js";

const MINUTES = [30, 10, 5, 1];
const WINDOW_MS = 5000;

export class TimeAnnouncer {
  #region;
  #last = null;

  constructor(region) {
    this.#region = region;
  }

  /** Feed every tick; speaks when the time left has just come down to one of the marks. */
  tick(remaining) {
    if (remaining === null) return;
    const before = this.#last;
    this.#last = remaining;
    for (const minutes of MINUTES) {
      const mark = minutes * 60_000;
      const crossed = before !== null && before > mark && remaining <= mark;
      if (crossed && remaining > mark - WINDOW_MS) setText(this.#region, t("minutes_left", { n: minutes }));
    }
  }
}
