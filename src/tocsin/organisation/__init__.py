"""The organisation file: the same objects as on the screen, declared in YAML, planned in words, applied at once.

`plan.plan(files)` says what would change, `actions.apply(plan)` does it, `actions.export()` writes the file
that changes nothing. What may stand in a file is declared once, in `schema`.
"""
