"""Real servers for the tests, and the fixtures that hand them out."""
