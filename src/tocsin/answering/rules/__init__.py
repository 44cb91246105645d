"""What a word, a code or a button from a message means, and whether it still counts. Pure."""
