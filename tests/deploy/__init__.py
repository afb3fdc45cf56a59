"""The deployment files against the code they deploy."""
