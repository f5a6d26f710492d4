"""The report as a whole, for the terminal and as a PDF to be signed."""

from dataclasses import dataclass
from datetime import datetime

from server.records.typeset import typeset
from server.registry.times import BEIJING
from server.rehearsal.findings import Finding, Verdict

WORDS: dict[Verdict, str] = {"good": "✓ 合格 good", "look": "△ 关注 look", "bad": "✗ 不合格 bad"}
NOTE_ZH = (
    "演练考生在本机、独立的临时数据库上作答，不占用试题，不留在正式记录中；演练后该数据库即删除。考场、电脑检查、设置、磁盘和备份为"
    "正式系统的情况。"
)
NOTE_EN = (
    "The candidates worked on this machine, on a temporary database of their own: no item was used, nothing stays in the "
    "records. Rooms, checks of PCs, settings, disk and backup are those of the installation."
)


@dataclass(frozen=True)
class Report:
    """The rehearsal as a whole."""

    seats: int
    minutes: float
    url: str
    at: datetime
    findings: list[Finding]

    @property
    def fit(self) -> bool:
        """Whether nothing is bad."""
        return all(one.verdict != "bad" for one in self.findings)

    @property
    def results(self) -> tuple[str, str]:
        """The sentence on top, in Chinese and English."""
        if self.fit:
            return f"可承担 {self.seats} 个机位的考试。", f"Fit for an exam of {self.seats} seats."
        bad = [one for one in self.findings if one.verdict == "bad"]
        return f"不合格：{'；'.join(one.zh for one in bad)}。", f"Not fit: {'; '.join(one.en for one in bad)}."

    def rows(self) -> list[list[str]]:
        """Chinese, English, value, verdict in words, verdict."""
        return [[one.zh, one.en, one.value, WORDS[one.verdict], one.verdict] for one in self.findings]

    def pdf(self) -> bytes:
        """To be printed and signed."""
        at = f"{self.at.astimezone(BEIJING):%Y-%m-%d %H:%M}"
        data = {
            "seats": str(self.seats),
            "minutes": f"{self.minutes:g}",
            "url": self.url or "—",
            "at": at,
            "result-zh": self.results[0],
            "result-en": self.results[1],
            "rows": self.rows(),
            "note-zh": NOTE_ZH,
            "note-en": NOTE_EN,
            "footer": f"考前演练报告　{at} 由机考系统生成",
        }
        return typeset("rehearsal", data, made_at=self.at)
