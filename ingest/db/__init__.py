"""The SQLite file: connections, locks, times as text, and writing rows; nothing about what they mean."""
