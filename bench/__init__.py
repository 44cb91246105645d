"""Measurements of the running program, beside Debian's prometheus-alertmanager. Loopback only, bounded, ends itself.

`make bench` prints ratios of one run: both programs are measured in turn, a moment apart, in several rounds, so that
what else the machine does disturbs both alike. docs/performance.md says how to read them.
"""
