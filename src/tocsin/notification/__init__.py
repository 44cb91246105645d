"""Personal rules, pages, deliveries: how a person is reached, and the record of each attempt."""
