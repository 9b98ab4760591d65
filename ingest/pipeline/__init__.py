"""From readers to rows: the one writer thread, and the health of each source."""
