"""The channels: one file per vendor, each with its table of codes, its `verify` and its `parse`."""
