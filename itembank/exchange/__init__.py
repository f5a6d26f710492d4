"""Syllabuses and items in and out of files. No SQL: readers return plain values or a table of mistakes.

``files`` is the door for a file somebody gives (any format, with its pictures); ``formats`` is the table of all formats;
``xlsx`` is the door for spreadsheets, ``gift``, ``aiken``, ``moodle``, ``qti`` and ``textlist`` are those of the others, all with
``sort_items(data, how, figures) -> SortedItems`` and, but for the last, a writer. No reader raises for what is in a file.

Behind ``xlsx``: ``grid`` (bytes -> cells as text: XLSX, XLS, ODS, CSV), ``ooxml`` (what only the XML of an XLSX tells: raised
characters, pictures, formulas), ``item_sheet`` and ``syllabus_sheet`` (rows -> values; ``item_columns`` says what the columns
are, ``item_answers`` how keys are written in a cell), ``writing``, ``template`` and ``template_words`` (values -> ``workbooks``).
Behind the others: ``drafts`` (what a reader found -> items or mistakes), ``labels`` (fields a format lacks, as labelled text),
``outgoing`` (what writers share), ``safe_xml``, ``archives`` and ``texts`` (bytes from strangers, within limits), ``qti_item``
and ``qti_write``, ``docx``, ``text_marks`` and ``text_items`` (lines -> pieces of items).
For all: ``detection`` (which format), ``cells`` (cell text <-> HTML), ``figures`` and ``safe_figures`` (picture files),
``mistakes`` (the table of mistakes).
"""
