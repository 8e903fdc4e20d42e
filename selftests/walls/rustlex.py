# SPDX-License-Identifier: GPL-2.0
"""Just enough of a Rust lexer to tell code from comments and literals.

blank() returns the text with the inside of every comment and literal turned
into spaces; quotes and newlines stay, so that offsets and line numbers hold.
"""

import re

_LIFETIME = re.compile(r"'(?:[A-Za-z_][A-Za-z0-9_]*)(?!')")
_RAW = re.compile(r'(?:b|c)?r(#*)"')
_OPENERS = {"(": ")", "[": "]", "{": "}"}


def _spaces(text):
    return "".join("\n" if c == "\n" else " " for c in text)


def _string_end(text, start):
    """Offset of the closing quote of a string whose first character is at start."""
    i = start
    while i < len(text) and text[i] != '"':
        i += 2 if text[i] == "\\" else 1
    return min(i, len(text))


def _block_comment_end(text, start):
    depth, i = 1, start + 2
    while i < len(text) and depth:
        if text.startswith("/*", i):
            depth, i = depth + 1, i + 2
        elif text.startswith("*/", i):
            depth, i = depth - 1, i + 2
        else:
            i += 1
    return i


def blank(text, literals=True):
    """Comments, and the inside of literals unless told otherwise, become spaces."""
    out, i, n = [], 0, len(text)
    inside = _spaces if literals else str
    while i < n:
        c = text[i]
        if text.startswith("//", i):
            end = text.find("\n", i)
            end = n if end < 0 else end
            out.append(_spaces(text[i:end]))
        elif text.startswith("/*", i):
            end = _block_comment_end(text, i)
            out.append(_spaces(text[i:end]))
        elif c in "rbc" and (i == 0 or not (text[i - 1].isalnum() or text[i - 1] == "_")) \
                and (raw := _RAW.match(text, i)):
            close = text.find('"' + raw.group(1), raw.end())
            close = n if close < 0 else close
            end = min(n, close + 1 + len(raw.group(1)))
            out.append(_spaces(text[i:raw.end() - 1]) + '"' + inside(text[raw.end():close]) + '"')
            out.append(" " * (end - close - 1))
        elif c == '"':
            close = _string_end(text, i + 1)
            end = min(n, close + 1)
            out.append('"' + inside(text[i + 1:close]) + text[close:end])
        elif c == "'" and not _LIFETIME.match(text, i):
            close = text.find("'", i + (3 if text.startswith("'\\", i) else 2))
            close = i if close < 0 else close
            end = close + 1
            out.append(_spaces(text[i:end]))
        else:
            end = i + 1
            out.append(c)
        i = end
    return "".join(out)


def block_end(code, start):
    """Offset behind the bracket that closes the one at start (code is blanked)."""
    stack = []
    for i in range(start, len(code)):
        c = code[i]
        if c in _OPENERS:
            stack.append(_OPENERS[c])
        elif stack and c == stack[-1]:
            stack.pop()
            if not stack:
                return i + 1
    return len(code)


_TEST_MOD = re.compile(
    r"#\[\s*(?:cfg\s*\(\s*test\s*\)|(?:\w+::)*kunit_tests\s*\([^)]*\))\s*\]"
    r"(?:\s*#\[[^\]]*\])*\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*(?=\{)")


def without_tests(code):
    """Blanks the bodies of unit-test modules."""
    for m in list(_TEST_MOD.finditer(code)):
        end = block_end(code, m.end())
        code = code[:m.start()] + _spaces(code[m.start():end]) + code[end:]
    return code


def line_of(text, offset):
    return text.count("\n", 0, offset) + 1
