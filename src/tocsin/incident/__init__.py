"""The incident: its state, priority, owner and timeline."""
