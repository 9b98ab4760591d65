"""The pages of the site, one file a page, named as its address."""
