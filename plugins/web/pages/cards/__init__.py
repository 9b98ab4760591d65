"""The cards of the home page and of dashboards: one registry of what can be shown."""
