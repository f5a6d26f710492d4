"""Staff pages over the item bank. The library `itembank` decides and stores; this slice asks, shows, and explains refusals.

`routes.py` gathers the routers. Each page has a `*_routes.py` and, where it needs more than a query, a doing file beside it:

- `overview` counts and coverage; `item_list`, `item_view`, `editor`, `figures` items; `votes` reviewing
- `uploads`, `import_jobs` spreadsheets (read and stored in the child process); `batches` the second person's decision
- `blueprints`, `blueprint_form` what one form must contain; `paper_jobs` assembly in the child; `papers`, `charts` what came out
- `scope` whose bank it is and how the library's refusals become answers; `words` names of codes; `tables` own tables
"""
