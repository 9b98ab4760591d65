"""One module for each program whose files can be imported."""
