"""`voltkeeper setup`: finds what is here, tries what one names, and writes `config.yml` and its secrets."""
