"""SQL that visitors write, run in processes of its own, so that no page waits for it and none dies of it."""
