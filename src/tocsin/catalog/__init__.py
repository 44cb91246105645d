"""Services, integrations and their keys, and the organisation's own settings."""
