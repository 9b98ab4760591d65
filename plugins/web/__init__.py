"""The web side: Datasette built with the house's access rules, its pages and everything that takes a POST."""
