"""Assembling k disjoint parallel forms from a pool. Pure: values in, values out; no SQL, no clock.

`model` turns a pool and a blueprint into whole-number arrays, `solve` finds the forms (the only file that knows the
solver), `explain` says what is missing when there are none, `audit` recounts every form by itself.
Runs in the child process only: serving code never imports `solve`.
"""
