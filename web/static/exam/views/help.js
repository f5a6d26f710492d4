/**
 * "Call the invigilator": how this computer stands, in words for the person who comes, and the recovery file.
 */
import { byId, setText, show } from "../dom.js";
import { canEncrypt } from "../recovery.js";
import { beijing, t } from "../text.js";

export class Help {
  #dialog = byId("help-dialog");
  #sitting;

  /** @param {import("../sitting.js").Sitting} sitting */
  constructor(sitting) {
    this.#sitting = sitting;
    for (const button of document.querySelectorAll("[data-help]")) button.addEventListener("click", () => this.open());
    this.#dialog.querySelector("[data-part=close]").addEventListener("click", () => this.#dialog.close());
    byId("help-save").addEventListener("click", () => this.#save());
  }

  open() {
    setText(byId("help-done"), "");
    this.refresh();
    if (!this.#dialog.open) this.#dialog.showModal();
  }

  refresh() {
    const { online, unsaved, phase } = this.#sitting;
    setText(byId("help-connection"), t(online ? "help_online" : "help_offline"));
    setText(byId("help-unsaved"), t(unsaved ? "help_unsaved" : "help_all_saved", { n: unsaved }));
    const wanted = phase === "open" && unsaved > 0;
    const possible = canEncrypt() && this.#sitting.canRecover;
    show(byId("help-file"), wanted && possible);
    show(byId("help-no-file"), wanted && !possible);
  }

  async #save() {
    const button = byId("help-save");
    button.disabled = true;
    try {
      const { blob, count, serverMs } = await this.#sitting.recover();
      download(blob, `${this.#sitting.key}_${beijing(serverMs).replace(/\D/g, "").slice(4, 14)}.jikao-recovery`);
      setText(byId("help-done"), t("help_done", { n: count }));
    } catch (error) {
      console.warn("no recovery file", error?.name);
      setText(byId("help-done"), t("help_failed"));
    } finally {
      button.disabled = false;
    }
  }
}

function download(blob, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}
