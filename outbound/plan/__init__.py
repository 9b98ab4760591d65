"""Outage plans: steps on battery and after it, in the process `voltkeeper plan`."""
