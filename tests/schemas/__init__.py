"""The records on the wire, as JSON, and their released versions."""
