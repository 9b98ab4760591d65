"""Rows that a version before concluded by other rules, brought in line with the present ones."""
