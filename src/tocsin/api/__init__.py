"""REST: one file per room, every operation with the permission it needs; and the numbers of the instance."""
