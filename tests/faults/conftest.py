"""The fixtures of the exam core: an exam session that is about to open, candidates, the running core."""

from tests.sitting.conftest import candidate, core, exam, exam_template, later, ring, sqlite_url

__all__ = ["candidate", "core", "exam", "exam_template", "later", "ring", "sqlite_url"]
