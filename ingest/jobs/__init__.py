"""The register of all jobs: when they recur, when one is due, and the rows of `chores`."""
