# SPDX-License-Identifier: MIT OR Apache-2.0
"""python3: a selection of Python's own tests, with every object taken from malloc.

Compared are the names of all tests that ran and what came of each.
"""

import xml.etree.ElementTree

from session import Failure

NEEDS = {
    "/usr/bin/python3": "python3",
    "/usr/lib/python3.11/test/test_list.py": "libpython3.11-testsuite",
}

MODULES = """
    test_array test_bytes test_bz2 test_collections test_context test_copy test_csv
    test_ctypes test_decimal test_deque test_dict test_difflib test_fork1 test_functools test_gc
    test_generators test_hashlib test_heapq test_itertools test_json test_list test_long test_lzma
    test_marshal test_memoryview test_minidom test_mmap test_ordered_dict test_os test_pickle
    test_posix test_pyexpat test_re test_set test_sort test_struct test_thread
    test_threading test_tokenize test_tuple test_unicode test_weakref test_xml_etree
    test_xml_etree_c test_zlib
""".split()

LEFT_OUT = [
    "*bigmem*",  # need gigabytes
    "testDecompress4G",
    "test_random_files",  # chooses its files at random
    "*timeout*",  # sleep, and depend on how fast the machine is
    "*_dead",
]

FEWEST_TESTS = 5_000  # a guard against a run that finds nothing to do; there are about 8,000


def run(session):
    left_out = [argument for pattern in LEFT_OUT for argument in ("--ignore", pattern)]
    result = session.quiet(
        "tests",
        *("/usr/bin/python3", "-m", "test", "-j2", "--timeout", "100"),
        *("--junit-xml", "results.xml", "--tempdir", session.folder / "tmp"),
        *left_out,
        *MODULES,
        environment={"PYTHONMALLOC": "malloc", "PYTHONHASHSEED": "0"},
        seconds=250,
        accept=(0, 2),  # 2: some tests failed, perhaps for a reason that is none of ours
    )
    outcomes = [
        f"{test.get('name')}: {' '.join(child.tag for child in test) or 'passed'}"
        for test in xml.etree.ElementTree.parse(session.folder / "results.xml").iter("testcase")
    ]
    if len(outcomes) < FEWEST_TESTS:
        raise Failure(f"only {len(outcomes)} tests ran\n{result.stdout.decode()[-2000:]}")
    session.observe("outcome of each test", "\n".join(sorted(outcomes)))
    session.observe("number of tests", len(outcomes))
    session.observe("exit status", result.returncode)
