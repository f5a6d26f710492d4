/**
 * The waiting room: countdown to the bell, rules, practice with the very same controls, check of the computer.
 */
import { Answers } from "../answers.js";
import { get } from "../api.js";
import { recordSoon, runChecks } from "../checks.js";
import { byId, el, setText, show } from "../dom.js";
import { Paper } from "../paper.js";
import { clockText, t } from "../text.js";
import { Workspace } from "./workspace.js";

/** Nearer to the bell the server has better things to do. */
const RECORD_BEFORE_MS = 120_000;

const WAITING = {
  not_yet: null,
  identity: ["wait_identity", "wait_identity_text"],
  other_device: ["wait_other_device", "wait_other_device_text"],
  paper: ["wait_paper", "wait_paper_text"],
  plain: ["wait_opening", "wait_plain_text"],
  unreachable: ["wait_unreachable", "wait_unreachable_text"],
};

export class WaitingRoom {
  #practice = null;

  /** @param {object} me */
  constructor(me) {
    setText(byId("rule-duration"), t("rule_duration", { n: Math.round((me.duration_ms + (me.extra_ms ?? 0)) / 60_000) }));
    const earliest = Math.round((me.earliest_hand_in_ms ?? 0) / 60_000);
    setText(byId("rule-hand-in"), earliest ? t("rule_hand_in", { n: earliest }) : t("rule_hand_in_any"));
    runChecks((name, state, text) => check(name, state, text));
    if (me.starts_in_ms === null || me.starts_in_ms > RECORD_BEFORE_MS) recordSoon(() => byId("waiting").hidden);
    this.#offerPractice();
  }

  /** @param {import("../sitting.js").Sitting} sitting */
  refresh(sitting) {
    const told = WAITING[sitting.waitingFor];
    const remaining = sitting.bell.remaining();
    const identity = sitting.me.identity === "waiting" && !told ? t("wait_identity_text") : t("wait_text");
    byId("bell").dataset.state = sitting.waitingFor;
    if (told) {
      setText(byId("bell-title"), t(told[0]));
      setText(byId("bell-text"), t(told[1]));
    } else {
      setText(byId("bell-title"), t(remaining === null ? "wait_chief" : remaining > 0 ? "wait_not_yet" : "wait_opening"));
      setText(byId("bell-text"), identity);
    }
    show(byId("bell-time"), remaining !== null && !told);
    if (remaining !== null) setText(byId("bell-time"), clockText(remaining));
    this.#sayPackage(sitting.sealed);
  }

  /** @param {import("../package.js").PaperPackage} sealed */
  #sayPackage({ state, done }) {
    byId("package").dataset.state = state;
    show(byId("package"), state !== "none");
    show(byId("package-done"), state === "fetching");
    byId("package-done").value = done;
    if (state !== "none") setText(byId("package-text"), t(`package_${state}`, { n: `${Math.floor(done * 100)}%` }));
  }

  destroy() {
    this.#practice?.destroy();
    this.#practice = null;
  }

  async #offerPractice() {
    const language = document.documentElement.lang.startsWith("zh") ? "zh" : "en";
    const reply = await get(`practice?lang=${language}`);
    if (!reply.known || reply.status !== 200 || byId("waiting").hidden) return;
    const { paper: source, order } = reply.body;
    const answers = new Answers();
    show(byId("practice"), true);
    this.#practice = new Workspace(byId("practice-work"), "practice", new Paper(source, order), answers, {
      answer: (slot, value) => answers.setValue(slot, value),
      type: (slot, value) => answers.setValue(slot, value),
      settle: () => {},
      flag: (slot, on) => answers.setFlag(slot, on),
      locked: () => false,
      reported: () => false,
    });
  }
}

function check(name, state, text) {
  const id = `check-${name}`;
  let row = document.getElementById(id);
  if (!row) {
    row = el("li", { id }, el("span", {}, t(`check_${name}`)), el("span", { class: "check-state" }));
    byId("checks").append(row);
  }
  row.dataset.state = state;
  setText(row.lastElementChild, text);
}
