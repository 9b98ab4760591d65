"""config.yml: reading it, what each section means, and what is wrong with it."""
