"""Settings, wiring and command line: the one package that knows all the others."""
