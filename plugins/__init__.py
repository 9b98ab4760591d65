"""What Datasette shows and takes: hook files here, the site's own code in `web`."""
