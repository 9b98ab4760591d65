"""Everything that a POST does, one file a subject."""
