"""Users, teams, contacts, roles, tokens, and who may do what."""
