"""Load: a human-like candidate, a locust file, the floor to compare with, and the check that nothing was lost.

`seed` puts a fixture exam session straight into a database, `candidate` sits it over HTTP and writes down what it was
told, `verify` compares that with SQL. Every load run ends with `verify`.
"""
