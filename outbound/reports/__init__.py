"""Reports of a day, week, month or year, as mails."""
