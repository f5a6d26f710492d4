/**
 * The candidate's page: joins the sitting (no DOM) to the views (no network).
 */
import { TimeAnnouncer } from "./announce.js";
import { prepareFormulas } from "../formulas.js";
import { byId, setText, show } from "./dom.js";
import * as place from "./place.js";
import { Sitting } from "./sitting.js";
import { Tab } from "./tabs.js";
import { beijing, clockText, setStrings, t } from "./text.js";
import { Dialogs } from "./views/dialogs.js";
import { showCleared, showFinished, showStopped } from "./views/finish.js";
import { Header } from "./views/header.js";
import { Help } from "./views/help.js";
import { Notices } from "./views/notices.js";
import { WaitingRoom } from "./views/waiting.js";
import { Workspace } from "./views/workspace.js";
import { startWatermark } from "./watermark.js";

const OFFLINE_PATIENCE_MS = 2000;
const STRANDED_MS = 60_000;

class Page {
  #sitting;
  #details = new Map();
  #header = new Header();
  #notices = new Notices();
  #dialogs = new Dialogs();
  #announcer = new TimeAnnouncer(byId("time-said"));
  #waiting;
  #help;
  #workspace = null;
  #screen = "waiting";
  #offlineSince = null;
  #dirty = false;

  constructor(me) {
    this.#sitting = new Sitting(me, (record) => this.#reportText(record));
    this.#waiting = new WaitingRoom(me);
    this.#help = new Help(this.#sitting);
    this.#sitting.addEventListener("change", () => this.#refreshSoon());
    this.#sitting.addEventListener("news", ({ detail }) => this.#say(detail));
    this.#sitting.addEventListener("cleared", showCleared);
    this.#sitting.addEventListener("reopened", () => location.reload());
    this.#sitting.answers.addEventListener("change", () => this.#refreshSoon());
    this.#sitting.clock.addEventListener("tick", ({ detail }) => this.#tick(detail));
    this.#sitting.bell.addEventListener("tick", () => this.#refreshSoon());
    const whose = (me.watermark ?? "").replace(/ · \d\d:\d\d$/, "");
    startWatermark(byId("watermark"), whose, () => this.#minute());
    this.#guard();
  }

  async start() {
    const tab = new Tab(this.#sitting.key);
    tab.addEventListener("lost", () => this.#sitting.stop("other_window"));
    if (await tab.claim()) {
      void prepareFormulas(); // while there is a connection: questions show them with the cable out too
      this.#refresh();
      await this.#sitting.start();
      return;
    }
    this.#show("stopped");
    showStopped("other_window", async () => {
      await tab.steal();
      location.reload();
    });
  }

  #guard() {
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#sitting.settle() : this.#sitting.ask()));
    window.addEventListener("pagehide", () => this.#sitting.settle());
    document.addEventListener("freeze", () => this.#sitting.settle());
    window.addEventListener("online", () => this.#sitting.ask());
    window.addEventListener("pageshow", (event) => event.persisted && location.reload());
    window.addEventListener("beforeunload", (event) => {
      this.#sitting.settle();
      if (this.#sitting.phase === "open" && this.#sitting.unsaved && !this.#sitting.online) event.preventDefault();
    });
    document.addEventListener("submit", (event) => this.#leave(event));
    for (const type of ["copy", "cut", "dragstart", "contextmenu"]) {
      document.addEventListener(type, (event) => {
        const own = event.target.matches?.("input") && event.type !== "dragstart"; // what they typed themselves
        if (!own && event.target.closest?.(".workspace")) event.preventDefault();
      });
    }
  }

  /** Signing out takes the sealed paper off this computer first. */
  #leave(event) {
    const form = event.target;
    if (event.defaultPrevented || new URL(form.action).pathname !== "/exam/leave") return;
    event.preventDefault();
    this.#sitting.sealed.purge().finally(() => form.submit());
  }

  /** Many changes, one look at the screen. */
  #refreshSoon() {
    if (this.#dirty) return;
    this.#dirty = true;
    queueMicrotask(() => {
      this.#dirty = false;
      this.#refresh();
    });
  }

  #refresh() {
    const { phase } = this.#sitting;
    if (phase === "waiting") this.#waiting.refresh(this.#sitting);
    else if (phase === "open") this.#refreshOpen();
    else if (phase === "ended") this.#show("finished", () => showFinished(this.#sitting));
    else this.#show("stopped", () => showStopped(this.#sitting.stoppedBy, () => location.reload()));
    this.#refreshNotices();
    this.#help.refresh();
  }

  #refreshOpen() {
    const sitting = this.#sitting;
    this.#show("exam", () => this.#openWorkspace());
    this.#header.badge(sitting);
    this.#header.counts(sitting.answers.counts(sitting.paper.questions));
    const covered = sitting.paused || sitting.handingIn;
    if (sitting.paused || sitting.locked || sitting.handingIn) this.#dialogs.closeAll();
    byId("exam-work").inert = covered;
    byId("exam").classList.toggle("covered", covered);
    show(byId("paused"), sitting.paused);
    show(byId("handing-in"), sitting.handingIn && !sitting.paused);
    setText(byId("handing-in-text"), t(handingInText(sitting)));
    this.#workspace.refresh();
  }

  #refreshNotices() {
    const sitting = this.#sitting;
    const open = sitting.phase === "open";
    const away = open && !sitting.online;
    this.#offlineSince = away ? (this.#offlineSince ?? performance.now()) : null;
    const long = away && performance.now() - this.#offlineSince > OFFLINE_PATIENCE_MS;
    const zero = away && sitting.clock.remaining() === 0 && !sitting.paused;
    const stranded = away && sitting.unsaved > 0 && performance.now() - this.#offlineSince > STRANDED_MS;
    const help = { text: t("help"), act: () => this.#help.open() };
    this.#notices.keep("stranded", stranded, { tone: "warn", title: t("stranded_title"), text: t("stranded_text"), button: help });
    this.#notices.keep("offline", long && !stranded && !zero && !sitting.handingIn, { tone: "warn", title: t("offline_title"), text: t("offline_text") });
    this.#notices.keep("zero", zero, { tone: "warn", title: t("offline_title"), text: t("zero_offline") });
    this.#notices.keep("locked", open && sitting.locked && !zero, { title: t("locked_title"), text: t("locked_text") });
    this.#notices.keep("not_kept", open && sitting.keeps === false, { tone: "warn", text: t("not_kept") });
  }

  #show(screen, enter) {
    if (this.#screen === screen) return;
    this.#screen = screen;
    for (const name of ["waiting", "exam", "finished", "stopped"]) show(byId(name), name === screen);
    this.#header.showState(screen === "exam");
    this.#waiting.destroy();
    if (screen !== "exam") {
      this.#workspace?.destroy();
      this.#notices.clear();
      this.#dialogs.closeAll();
    }
    document.body.dataset.screen = screen;
    enter?.();
  }

  #openWorkspace() {
    const sitting = this.#sitting;
    const actions = {
      answer: (slot, value) => sitting.answer(slot, value),
      type: (slot, value) => sitting.type(slot, value),
      settle: () => sitting.settle(),
      flag: (slot, on) => sitting.flag(slot, on),
      report: (question) => this.#report(question),
      handIn: () => this.#handIn(),
      locked: () => sitting.paused || sitting.locked || sitting.handingIn,
      reported: (slot) => sitting.reported.has(slot),
      seen: (slot) => place.remember(sitting.key, slot),
    };
    const { paper, answers, key } = sitting;
    this.#workspace = new Workspace(byId("exam-work"), "exam", paper, answers, actions, place.remembered(key));
    byId("main").focus({ preventScroll: true });
  }

  #handIn() {
    const sitting = this.#sitting;
    const wait = sitting.handInWait();
    if (wait > 0) {
      this.#dialogs.sayEarly(wait, sitting.clock.serverNow());
      return;
    }
    this.#dialogs.askHandIn(
      { questions: sitting.paper.questions, answers: sitting.answers },
      { onHandIn: () => sitting.handIn(), onGo: (position) => this.#workspace.go(position, "dialog") },
    );
  }

  #report(question) {
    this.#dialogs.askReport(question, (code, more) => {
      if (more) this.#details.set(question.slot, more);
      this.#sitting.report(question.slot, code);
      this.#notices.say({ tone: "ok", text: t("report_done", { n: question.number }) });
    });
  }

  /** The outbox keeps the code of a reason; what the candidate typed stays in memory. */
  #reportText({ item, report }) {
    const more = this.#details.get(item);
    return more ? `${t(`report_${report}`)}: ${more}` : t(`report_${report}`);
  }

  #tick({ remaining }) {
    this.#header.time(remaining);
    if (this.#sitting.phase !== "open") return;
    this.#announcer.tick(remaining);
    const wait = this.#sitting.handInWait();
    this.#workspace?.setHandInHint(wait > 0 ? t("hand_in_from", { time: clockText(wait) }) : "");
    this.#refreshNotices();
  }

  #say({ kind, ...detail }) {
    const sitting = this.#sitting;
    if (kind === "message") {
      const time = beijing(detail.at_ms).slice(11, 16);
      this.#notices.say({ title: t("message_title", { time }), text: detail.text });
    } else if (kind === "credited") {
      this.#notices.say({ tone: "ok", text: t("credited", { n: Math.max(1, Math.round(detail.ms / 60_000)) }) });
    } else if (kind === "server_away") {
      this.#notices.say({ tone: "ok", text: t("server_away", { n: Math.max(1, Math.round(detail.ms / 60_000)) }) });
    } else if (kind === "early") {
      this.#dialogs.sayEarly(detail.waitMs, sitting.clock.serverNow());
    } else if (kind === "refused") {
      const question = sitting.paper.questions[sitting.paper.positionOf(detail.slot)];
      this.#notices.say({ tone: "bad", text: t("refused", { n: question?.number ?? "?" }) });
    }
  }

  #minute() {
    const now = this.#sitting.clock.serverNow() ?? this.#sitting.bell.serverNow() ?? Date.now();
    return beijing(now).slice(0, 16);
  }
}

function handingInText({ online, held, unsaved }) {
  if (!online) return "handing_in_offline";
  return held && unsaved === 0 ? "handing_in_held" : "handing_in";
}

function json(id) {
  return JSON.parse(byId(id).textContent);
}

setStrings(json("exam-words"));
await new Page(json("exam-me")).start();
