"""The way back: what people say from a message, and what they report."""
