/**
 * The page that checks a PC: measures, sends what it measured, shows the server's judgement in words.
 */
import { byId, el, setText, show } from "./dom.js";
import { settle } from "./pcmirror.js";
import { leaveMark, measure, send } from "./preflight.js";
import { setStrings, t } from "./text.js";

const SAMPLES = 20;

setStrings(JSON.parse(byId("check-words").textContent));
const { dataset } = byId("check");

async function sameComputer() {
  try {
    return await settle(dataset.pcMirror, "pcNew" in dataset);
  } catch (error) {
    console.warn("this computer cannot be remembered beside its cookie", error?.name);
    return false;
  }
}

function say(state, text) {
  byId("check-state").className = `alert ${state}`;
  setText(byId("check-state"), text);
}

function line({ name, state, text, todo }) {
  const words = el("div", {}, el("p", {}, el("strong", {}, t(name)), " ", text), todo ? el("p", { class: "muted" }, todo) : null);
  return el("li", { "data-check": name, "data-state": state }, el("span", { class: `badge ${state}` }, t(state)), words);
}

async function run() {
  const facts = await measure(SAMPLES, (n) => {
    byId("check-done").value = n / SAMPLES;
    say("info", t("checking", { n, all: SAMPLES }));
  });
  const judged = await send({ ...facts, source: "check" });
  show(byId("check-done"), false);
  if (!judged) {
    say("bad", t("unsent"));
    return;
  }
  byId("check-list").replaceChildren(...judged.findings.map(line));
  show(byId("check-list"), true);
  say(judged.state, t(`state_${judged.state}`));
  await leaveMark(facts.server_ms_at_end);
}

if (await sameComputer()) location.replace("/exam/check");
else await run();
