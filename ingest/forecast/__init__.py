"""When the battery of a node will be empty: from its levels since the last change, with an interval."""
