"""People of the staff, their roles, sign-in, and the one permission table."""
