"""What runs without a person: duties that find rows in a state and move them on, and the loop that looks."""
