"""The live board of the exam room and everything an invigilator does from it.

The map: `rules` (what a tile shows, what raises an alert, which act needs what), `scope` (which rooms a person may look
at), `board` (reads seats from SQL), `feed` (one reader per process and set of rooms, many viewers), `acts` (one act on
many seats through the writer), `approvals` (acts that need a second person), `incidents` (异常/违纪记录), `reports`
(questions candidates call faulty), `routes*` (HTTP).

What an invigilator sees never holds an answer or a question: counts, times and states only. The board fails open: when it
stalls, candidates notice nothing and the page says since when it is stale. A change to a sitting goes through the
writer's door and nowhere else.
"""
