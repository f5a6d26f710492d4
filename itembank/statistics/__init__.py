"""Item and test statistics, numpy alone (and scipy's distribution functions). No table, no clock, no service.

    report                                     everything after an exam for one form, in one call
    analysis, reliability                      items, options, mis-keys; the form as a whole, decisions at the pass mark
    irt, itemfit, conditional                  2PL and Rasch, abilities, fit; Rasch by conditional likelihood
    dif, equating                              fairness between groups; forms made comparable
    similarity, forensics                      answers too alike, too fast and right, items that drift
    tally, smoothing, marginal                 the machinery: counts by total, log-linear models, marginal likelihood
    classical                                  plain figures without intervals, from marks of any kind
    values                                     what a figure can be

A figure is a number with its standard error and 95 % interval, or says why there is none; it is never NaN, nothing warns, and no
statistic ever changes a published score. Arrays are people × items; people who did not sit, and cancelled items, are left out by
the caller. Thresholds are `values.Needed`. Where other work shares the machine, run this with one thread for matrix products
(OPENBLAS_NUM_THREADS=1).
"""
