"""What an exam is held with: institutions, centres, rooms, plans, exam sessions, entries; rosters in, seats out.

    pure      rules (ID numbers, profile), roster (rows -> candidates or mistakes), admission (numbers by pattern),
              seating (who sits where with which form), readiness (what is missing, may it be scheduled or opened),
              session_form, times, pc_rules (what the check of a PC means)
    tables    the shape in SQL
    doing     enrolment (staged roster, all or nothing), scheduling (acts on an exam session), devices (PCs and seats), pc_checks,
              reading (what pages show), choices (what may be chosen), sheets (spreadsheets in and out)
    routes    place_routes, roster_routes, session_routes

Rooms, roster, seats and paper change only while an exam session is a draft or scheduled: every act passes
`enrolment.claim`, which locks its row and refuses otherwise. ID numbers are sealed, indexed blind, shown by their last
four. Opening is `server.sitting.opening`, one slice higher; it asks `readiness.may_open`.
"""
