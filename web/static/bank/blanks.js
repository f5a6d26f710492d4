// Shows as many answer fields as the text has blanks, and writes a blank where the cursor stands. Without this file all are shown.
const stem = document.getElementById("stem");
const rows = [...document.querySelectorAll("[data-blank]")];

function update() {
  const blanks = (stem.value.match(/_{3,}/g) ?? []).length;
  for (const row of rows) {
    const filled = row.querySelector("textarea").value.trim() !== "";
    row.hidden = Number(row.dataset.blank) > Math.max(blanks, 1) && !filled;
  }
}

const button = document.querySelector("[data-write-blank]");
button?.addEventListener("click", () => {
  stem.setRangeText("____", stem.selectionStart, stem.selectionEnd, "end");
  stem.focus();
  stem.dispatchEvent(new Event("input", { bubbles: true }));
});
stem?.addEventListener("input", update);
if (stem) update();
