# SPDX-License-Identifier: MIT OR Apache-2.0
"""Finds functions in C++ sources, in whichever file they are, and sums up their text without comments and white space.

No compiler: it reads words and brackets, which will do for code that clang-format has formatted.
"""

import functools
import hashlib
import re

WORD = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|\w+(?:'\w+)*|::|->|\s+|.""", re.S)
CLOSING = {"(": ")", "[": "]", "{": "}"}


class NotFound(Exception):
    pass


def words_of(text):
    """Without comments, and what a preprocessor's line asks."""
    text = re.sub(r"^[ \t]*#(?:\\\n|[^\n])*", "", text, flags=re.M)
    return [word for word in WORD.findall(text) if not word.isspace() and not word.startswith(("//", "/*"))]


def behind(words, i):
    """The place behind the bracket that closes the one at i."""
    open_ones = []
    for i in range(i, len(words)):
        if words[i] in CLOSING:
            open_ones.append(CLOSING[words[i]])
        elif open_ones and words[i] == open_ones[-1]:
            open_ones.pop()
            if not open_ones:
                return i + 1
    raise NotFound("brackets that are not closed")


def name_before(words, i):
    """Of the declarator whose parameters begin at i: its name, and the class before "::", if any."""
    name = words[i - 1]
    if i >= 2 and words[i - 2] == "~":
        return "~" + name, None
    if i < 3 or words[i - 2] != "::":
        return name, None
    i -= 3
    if words[i] == ">":  # CLASS<ARGUMENTS>::
        depth = 1
        while depth and i:
            i -= 1
            depth += {">": 1, "<": -1}.get(words[i], 0)
        i -= 1
    return name, words[i]


def functions(words, of_class=None):
    """Class or None, name and words of each function that is defined there."""
    i = 0
    begin = 0  # of the declaration
    while i < len(words):
        word = words[i]
        if word in (";", "}") or (word == ":" and words[i - 1] in ("public", "private", "protected")):
            i = begin = i + 1
        elif word == "{":
            head = words[begin:i]
            end = behind(words, i)
            inside = words[i + 1:end - 1]
            parameters = first_parameters(head)
            if "namespace" in head or head[:1] == ["extern"] and parameters is None:
                yield from functions(inside, of_class)
            elif (named := class_named(head)) is not None:
                yield from functions(inside, named)
            elif parameters is not None:
                name, scope = name_before(head, parameters)
                yield scope or of_class, name, head[parameters - 1:] + words[i:end]
            else:  # what a member is initialised with
                i = end
                continue
            i = begin = end
        elif word in CLOSING:
            i = behind(words, i)
        else:
            i += 1


def class_named(head):
    """The name if this is the head of a class's definition."""
    depth = 0
    for i, word in enumerate(head):
        depth += {"<": 1, ">": -1, "(": 1, ")": -1}.get(word, 0)
        if depth == 0 and word in ("class", "struct", "union"):
            i += 1
            while head[i:i + 1] == ["alignas"] or head[i:i + 1] == ["["]:
                i = behind(head, i + 1 if head[i] == "alignas" else i)
            return head[i] if i < len(head) and head[i].isidentifier() else ""
    return None


def first_parameters(head):
    """Where the parameters of a function begin, if this is the head of its definition."""
    depth = 0
    i = 0
    while i < len(head):
        word = head[i]
        if word == "=" and depth == 0 and "operator" not in head:
            return None
        if word in ("requires", "alignas", "decltype", "noexcept", "[") and word != "[" and head[i + 1:i + 2] == ["("]:
            i = behind(head, i + 1)
            continue
        if word == "[":
            i = behind(head, i)
            continue
        if word in "<>":
            depth += 1 if word == "<" else -1
        if word == "(":
            if depth == 0 and i and re.fullmatch(r"\w+|[^\w\s]", head[i - 1]):
                return i
            i = behind(head, i)
            continue
        i += 1
    return None


@functools.cache
def all_functions(folder):
    found = []
    if folder.is_file():
        files = [folder]
    else:
        files = sorted(path for path in folder.rglob("*") if path.suffix in (".hpp", ".cpp", ".h"))
    for path in files:
        found += functions(words_of(path.read_text()))
    return found


def sum_of(folder, wanted):
    """Of all functions of that name, in any order: they may move from file to file."""
    of_class, _, name = wanted.rpartition("::")
    texts = sorted(" ".join(words) for scope, named, words in all_functions(folder)
                   if named == name and (not of_class or scope == of_class))
    if not texts:
        raise NotFound(f"there is no function {wanted} in {folder}")
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]
