"""Item and test statistics, pure numpy.

``classical`` is what every exam session gets afterwards. A figure is a number or says why there is none; it is never NaN,
and no statistic ever changes a published score.
"""
