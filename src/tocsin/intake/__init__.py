"""Events become alerts, alerts find their incident: inbox, deduplication, grouping."""
