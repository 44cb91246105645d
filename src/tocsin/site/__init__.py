"""Settings, addresses, wiring: the one place where everything meets and where the clock is read."""
