"""The Faust application around the pure parts: transport in chunks, changelog, agents."""
