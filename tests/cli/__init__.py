"""The command line: what it says, and what it says when something is wrong."""
