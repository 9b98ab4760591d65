"""Alerts: which event goes to which target, what its message says, and that it arrives."""
