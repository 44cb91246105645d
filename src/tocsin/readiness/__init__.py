"""Whether somebody would come: coverage proof, gaps, expectations kept as text, and what the past would have been."""
