"""The program: command line, supervisor, `check` and `status`. It alone imports all other packages."""
