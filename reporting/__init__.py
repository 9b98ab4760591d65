"""Figures, charts and texts made of the database, over a plain sqlite3.Connection, without Datasette."""
