/**
 * The check before the exam: browser, storage, connection, screen. It tells; it never keeps anybody out.
 */
import { get } from "./api.js";
import { storageWorks } from "./outbox.js";
import { measure, send } from "./preflight.js";
import { t } from "./text.js";

const SLOW_MS = 1500;
const RECORD_WITHIN_MS = 30_000;
const RECORD_SAMPLES = 6;
const ENOUGH_WIDTH = 960;

/** @param {(name: string, state: "ok" | "warn" | "bad" | "busy", text: string) => void} tell */
export async function runChecks(tell) {
  for (const name of ["browser", "connection", "storage", "screen"]) tell(name, "busy", t("checking"));
  tell("browser", ...browser());
  tell("screen", ...screenSize());
  tell("connection", ...(await connection()));
  tell("storage", ...((await storageWorks()) ? ["ok", t("check_storage_ok")] : ["bad", t("check_storage_bad")]));
}

/** Record how this PC does, for the people who look after the room; not all PCs at the same moment. */
export async function recordSoon(isOver) {
  await new Promise((resolve) => setTimeout(resolve, 2000 + Math.random() * RECORD_WITHIN_MS));
  if (!isOver()) await send({ ...(await measure(RECORD_SAMPLES)), source: "waiting" });
}

/** What the exam needs, asked for one by one (the oldest browser with all of it here is Chrome 109). */
function browser() {
  const suitable = "inert" in HTMLElement.prototype && "showModal" in HTMLDialogElement.prototype && "hasOwn" in Object && "BroadcastChannel" in window;
  return suitable ? ["ok", t("check_browser_ok")] : ["bad", t("check_browser_bad")];
}

function screenSize() {
  return window.innerWidth >= ENOUGH_WIDTH ? ["ok", t("check_screen_ok")] : ["warn", t("check_screen_small")];
}

async function connection() {
  const reply = await get("me");
  if (!reply.known) return ["bad", t("check_connection_bad")];
  const n = Math.round(performance.now() - reply.sentAt);
  return n > SLOW_MS ? ["warn", t("check_connection_slow", { n })] : ["ok", t("check_connection_ok", { n })];
}
