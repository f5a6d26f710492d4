"""Syllabuses and items in and out of files. No SQL: readers return plain values or a table of mistakes.

``xlsx`` is the door for spreadsheets. Behind it: ``grid`` (bytes -> cells as text: XLSX, XLS, ODS, CSV), ``ooxml`` (what only
the XML of an XLSX tells: raised characters, pictures, formulas), ``cells`` (cell text <-> HTML), ``figures`` (picture files),
``item_sheet`` and ``syllabus_sheet`` (rows -> values), ``writing`` (values -> workbooks), ``mistakes`` (the table of mistakes).
"""
