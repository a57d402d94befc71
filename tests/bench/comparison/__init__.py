"""Runs rsb_bench on several allocators and reports how they compare."""
