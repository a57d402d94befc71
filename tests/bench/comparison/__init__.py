# SPDX-License-Identifier: MIT OR Apache-2.0
"""Runs rsb_bench on several allocators and reports how they compare."""
