"""Pages that renew themselves: what has changed of them since a browser took them."""
