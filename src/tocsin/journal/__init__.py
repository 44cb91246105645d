"""The append-only, hash-chained record; transactions, wake-ups and leases for everyone above."""
