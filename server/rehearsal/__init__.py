"""The rehearsal before exam day: the load candidates on this machine, and a pre-flight report that can be signed.

`run` seats the candidates and puts the report together; what is found comes from `candidates` (what they met), `door` (the
address candidates will use), `installation` (database, disk, backup), `places` (seats and PCs of the coming week).
"""

from server.rehearsal.findings import Finding, RehearsalError
from server.rehearsal.report import Report
from server.rehearsal.run import rehearse

__all__ = ["Finding", "RehearsalError", "Report", "rehearse"]
