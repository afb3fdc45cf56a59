"""One schema of numbered migrations, and two ways in: a server, or the engine in the process."""
