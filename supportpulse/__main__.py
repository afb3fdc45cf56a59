"""`python -m supportpulse`: the command line, wherever its script may lie."""

from supportpulse.cli import main

main()
