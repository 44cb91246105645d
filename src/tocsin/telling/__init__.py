"""What people are told about their shifts: changes, requests, gaps, and the note at the change of shift."""
