"""The data in formats of other programs: Atom, Prometheus, the API of the EP20 monitor."""
