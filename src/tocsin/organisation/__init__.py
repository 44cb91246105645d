"""One configuration, two pens: the organisation file, its plan, its export."""
