"""Every channel against a provider that has bad days, and an oracle that counts what became of each page.

    python -m tocsin.testing.proving [--json] [--deadline SECONDS]

A small organisation is made in a folder of its own; its people are paged through every channel in turn while the
provider, on this machine, answers well, late, wrongly or not at all. Time is virtual, so minutes of retries take no
minutes; the requests are real. The oracle joins what was due, what is stored and what the providers got.
"""
