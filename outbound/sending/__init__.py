"""Deliveries on their way: kept in the database, sent in order to each target."""
