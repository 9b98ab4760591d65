"""The web side: Datasette built with the site's access rules, its pages and everything that takes a POST."""
