"""Calendars, policies and the file they are read from."""
