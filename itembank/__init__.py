"""The item bank as a library: no HTTP, no settings, no Redis. It takes `db: Session` and never makes one; `now` is a parameter.

Where things are, from what people do to what it stands on:

    papers      make_papers, seal, file_form, withdraw, burn, public_package, key_package, correct_key: the recipe and the map
    runway      how many more sets a bank gives, and what runs dry first
    intake      storing a parsed syllabus, blueprint or import (staged, then published by one flag)
    exchange    spreadsheets in and out
    lifecycle   draft -> submitted -> approved; who may do what next
    passport    composed -> sealed -> filed -> opened; the life of a form
    packages    what a browser gets of a sealed form        keys      answers: the only file that reads them
    ledger      the no-reuse rule and its stories           pool      what may be drawn
    tables      the shape in SQL
    assembly    pure: model, solve, explain, audit          blueprint, syllabus, items, lint, similarity, statistics: pure
    sealing     canonical JSON, digests, envelopes          errors    what this library refuses

Invariants: a version, a key, a claim is never changed, only followed by another; nothing that renders to a candidate reads
`item_key`; no family has two live claims in one slot of a scope (an index, not a promise); a form is opened only from its seal.

`server` may import this package, never the reverse. `assembly.solve` and `assembly.explain` load the solver: only the child
process imports them (`papers` does so inside `choose`).
"""
