"""Key versions, marking, key corrections, results. The only code that decrypts answer keys after papers are sealed.

- `marking` (pure): one sitting -> marks, total, digest. `rules` (pure): who may do what when; flags; masks.
- `keys`: the keys of a paper set, sealed again with each run, so that a run can be recomputed for ever.
- `runs`: marks everyone of an exam session as one run, in steps that a crash leaves without trace.
- `corrections`, `publishing`: acts of two people. `results`: what pages and records read. `checks`: recomputes all.
- `work`: what the child process does (job kind `grading.mark`): marking, then figures; the only place with numpy.

Invariants: a result is a function of paper digest, admitted responses, key version and rules (I7); runs are only added;
nothing changes once published.
"""

from server import jobs

jobs.KINDS["grading.mark"] = "server.grading.work:mark"
