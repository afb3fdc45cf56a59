"""Calendars and policies: which clock runs when, and how long it may."""
