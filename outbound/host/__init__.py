"""The machine and the program themselves: what is wrong with them becomes events."""
