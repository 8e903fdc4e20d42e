#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Whether every row of the acceptance list is named by a test, and every test that is named exists.

rows.py SELFTESTS DRIVER    selftests/rows.toml names tests by group and words; a case named rNN_ shows row NN."""

import os
import re
import sys
import tomllib

# The whole list. 11 is for machines of the other byte order, which nothing here starts.
WANTED = [n for n in range(1, 161) if n != 11]


def text_of(folder):
    words = []
    for place, _, files in os.walk(folder):
        for name in files:
            with open(os.path.join(place, name), encoding="utf-8", errors="replace") as f:
                words.append(name + "\n" + f.read())
    return "\n".join(words)


def main():
    tests, driver = sys.argv[1:3]
    with open(os.path.join(tests, "rows.toml"), "rb") as f:
        rows = {int(n): row for n, row in tomllib.load(f)["rows"].items()}
    groups = [g for g in sorted(os.listdir(tests)) if os.path.exists(os.path.join(tests, g, "group"))]
    texts = {g: text_of(os.path.join(tests, g)) for g in groups}
    texts["kunit"] += text_of(driver)
    cases = {}
    for group, text in texts.items():
        # TEST_F(fixture, r31_name), and a comment over the case that names more rows.
        for n in re.findall(r"TEST(?:_F|_F_TIMEOUT)?\((?:\w+, )?r(\d+)_", text):
            cases.setdefault(int(n), set()).add(group)
        for words in re.findall(r"\bRows? ((?:\d+(?:, | and )?)+)", text):
            for n in re.findall(r"\d+", words):
                cases.setdefault(int(n), set()).add(group)
    wrong = []
    for n, (what, *names) in rows.items():
        if not names:
            wrong.append(f"row {n} ({what}) names no test")
        for name in names:
            group, _, words = name.partition(": ")
            if group not in texts or words.strip() not in texts[group]:
                wrong.append(f"row {n} ({what}): there is no test '{name}'")
    wrong += [f"row {n} has no test" for n in WANTED if n not in rows and n not in cases]
    for line in wrong:
        print(line)
    print(f"{sum(n in rows or n in cases for n in WANTED)} of {len(WANTED)} rows have a test")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
