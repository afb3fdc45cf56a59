"""One module per vendor, each with a `CASE`: what the suites over all vendors need to know of it."""
