"""Institutions, centres, rooms, occupations, plans, exam sessions, entries: what an exam is held with."""
