/**
 * Operations the server will keep apart (late, or of a machine that had been replaced): sent once under their own epoch, so
 * that the invigilator can judge them. Nothing is shown as saved by this.
 */
import { post, retryDelay, Waiter } from "./api.js";

const MOST_OPS = 20;

/**
 * Resolves when the server has answered for every record; unknown outcomes are tried again for as long as the page lives.
 * @param {object[]} records outbox records, oldest first
 * @param {import("./sender.js").Sender} sender
 * @param {import("./outbox.js").Outbox} outbox
 */
export async function handOver(records, sender, outbox) {
  const waiter = new Waiter();
  let rest = [...records];
  for (let attempt = 0; rest.length; ) {
    const batch = rest.filter((record) => record.epoch === rest[0].epoch).slice(0, MOST_OPS);
    const ops = batch.map((record) => sender.wire(record));
    const reply = await post("ops", { epoch: batch[0].epoch, ops });
    if (!reply.known) {
      await waiter.wait(retryDelay(attempt++, reply.retryMs));
      continue;
    }
    rest = rest.filter((record) => !batch.includes(record));
    await outbox.forget(batch).catch((error) => console.warn("outbox", error?.name));
  }
}
