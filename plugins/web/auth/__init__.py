"""Rights, and signing in."""
