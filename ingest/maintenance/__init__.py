"""Maintenance of the database: jobs and when they run, retention, deletions, backups, table sizes."""
