"""One file per format: rows of somebody's file → events, or refusals with file, line and reason."""
