"""The service: slices over the `itembank` library, wired in `app.py`.

Every slice has uniform edges: `rules.py` (pure decisions), `tables.py` (the SQL shape), `routes.py` (HTTP). What lies
between is named by what it does. The README draws the map and says who may import whom; import-linter enforces it.
"""
