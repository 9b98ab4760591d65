"""The web server and the layers around Datasette. Imported by nothing but hook files and `voltkeeper`."""
