"""The exam core. A sitting is the fold of its journal; every change is a command to the writer.

Follow one answer: `api` parses bytes into a command and stamps the time -> `writer` takes all that is queued, locks
those sittings' rows in id order and asks `rules.decide` for each -> events and rows in one commit (`store`) -> the
waiting requests are answered. The closer, the clock and the staff come in at the same door.

    pure        commands  events  times  state  rules (decide) = decisions + operations + acts  draw
    SQL shape   tables
    doing       sql, store (SQL of both databases), batch, writer, versions (what changed, wakes pulses), closer,
                opening (the bell), exams (facts of exam sessions), package (the paper as ciphertext, before the bell),
                shelf (packages and papers in memory), entering (sign-in), tokens (the cookie), pcs (which PC), recovery
                (files carried by hand), reading (for board, marking, story), admission (operations kept apart)
    HTTP        api (JSON), quick (the same for saves, below the framework), package_api, routes (pages),
                check_routes (the check of a PC)

What other slices may use: `Writer`, the commands, `reading.responses / board_rows / sitting_story`, `opening`,
`admission`. Invariants I1-I10 are named in the tests. Nothing here ever holds an answer key.
"""
