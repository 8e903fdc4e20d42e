#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Proves the walls between the parts of the tree, and that the proof can fail.

walls.py [TREE]       checks a checkout (default: the one this file is in)
walls.py --self-test  plants one violation at a time in a copy of the checkout
                      and demands that the rule meant for it reports it

Output is KTAP; the exit status is 0 when every rule holds.
"""

import os
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import rules  # noqa: E402

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))

SPDX = "// SPDX-License-Identifier: GPL-2.0\n"
HEAD = SPDX + "//! Planted.\n"
FORBID = "#![forbid(unsafe_code)]\n"
D, A, P = rules.DRIVER, rules.ABI, rules.PROTO

# (rule, file, text): the text is a file of its own that breaks exactly this rule ...
PLANTS = [
    (rules.unsafe_only_in_abi, D + "planted.rs", HEAD + FORBID + "fn f(p: *const u8) -> u8 { unsafe { *p } }\n"),
    (rules.unsafe_only_in_abi, D + "planted.rs", HEAD + FORBID + 'extern "C" fn f() {}\n'),
    (rules.unsafe_only_in_abi, D + "display/planted.rs", HEAD + FORBID + "use kernel::bindings;\n"),
    (rules.unsafe_only_in_abi, D + "display/planted.rs", HEAD + FORBID + "// See bindings::" + "drm_device.\n"),
    (rules.forbid_unsafe_code, D + "planted.rs", HEAD + "fn f() {}\n"),
    (rules.forbid_unsafe_code, D + "planted.rs", HEAD + "// #![forbid(unsafe_code)]\nfn f() {}\n"),
    (rules.forbid_unsafe_code, P + "planted.rs", HEAD + "fn f() {}\n" + FORBID),
    (rules.crate_root_is_a_list, rules.ROOT, HEAD + "mod abi;\nfn f() {}\nmodule! { type: A, }\n"),
    (rules.abi_knows_no_device, A + "planted.rs", HEAD + "const A: &str = \"virtio_gpu\";\n"),
    (rules.abi_knows_no_device, A + "planted.rs", HEAD + "use crate::queue::Command;\n"),
    (rules.safety_comments, A + "planted.rs", HEAD + "fn f(p: *const u8) -> u8 {\n    unsafe { *p }\n}\n"),
    (rules.safety_comments, A + "planted.rs",
     HEAD + "fn f(p: *const u8) -> u8 {\n    // SAFETY: Far away.\n    let q = p;\n    unsafe { *q }\n}\n"),
    (rules.safety_comments, A + "planted.rs", HEAD + "struct S;\nunsafe impl Send for S {}\n"),
    (rules.safety_comments, A + "planted.rs", HEAD + "/// Reads.\npub(crate) unsafe fn f() {}\n"),
    (rules.file_heads, D + "planted.rs", "//! No licence.\n" + FORBID),
    (rules.file_heads, D + "planted.rs", SPDX + FORBID + "//! Late docs.\n"),
    (rules.file_heads, "selftests/planted.py", "print()\n"),
    (rules.proto_stands_alone, P + "planted.rs", HEAD + FORBID + "use kernel::prelude::*;\n"),
    (rules.proto_stands_alone, P + "planted.rs", HEAD + FORBID + "fn f() -> std::vec::Vec<u8> { g() }\n"),
    (rules.no_panic, D + "planted.rs", HEAD + FORBID + "fn f(a: Option<u8>) -> u8 { a.unwrap() }\n"),
    (rules.no_panic, D + "planted.rs", HEAD + FORBID + "fn f() { panic!(\"no\") }\n"),
    (rules.no_panic, P + "planted.rs", HEAD + FORBID + "fn f(a: u8) { assert!(a > 0) }\n"),
    (rules.no_places, "selftests/planted.py", SPDX.replace("//", "#") + "# deb." + "debian.org\n"),
    (rules.no_places, "selftests/planted.py", SPDX.replace("//", "#") + "# /wor" + "k/main\n"),
    (rules.no_orphans, D + "planted.rs", HEAD + FORBID),
    (rules.no_leftovers, D + "planted.rs", HEAD + FORBID + "// TOD" + "O: later.\n"),
    (rules.no_leftovers, D + "planted.rs", HEAD + FORBID + "#[allow(dead_code)]\nfn f() {}\n"),
]

# ... and text that looks like a violation and is none.
INNOCENT = [
    (D + "planted.rs", HEAD + FORBID + "// unsafe { }\nconst A: &str = \"unsafe panic!()\";\n"
     "const _: () = assert!(core::mem::size_of::<u8>() == 1);\nfn f<'a>(c: char) -> bool { c == '\"' || c == '\\'' }\n"
     "/* unsafe /* nested */ extern \"C\" */\nconst B: &str = r#\"unsafe \" {\"#;\n"
     "#[cfg(test)]\nmod tests { fn g() { None::<u8>.unwrap(); } }\nfn h(a: Option<u8>) -> u8 { a.unwrap_or(0) }\n"),
    (A + "planted.rs", HEAD + "fn f(p: *const u8) -> u8 {\n    // SAFETY: The caller's contract,\n    // in two lines.\n"
     "    #[allow(clippy::all)]\n    let q =\n        unsafe { *p };\n    q\n}\n"
     "/// # Safety\n///\n/// None.\npub(crate) unsafe fn g() {}\n"),
]


def check(top, wanted=rules.ALL):
    tree = rules.Tree(top)
    return {rule: list(rule(tree)) for rule in wanted}


def report(found):
    print(f"TAP version 13\n1..{len(found)}")
    bad = 0
    for n, (rule, hits) in enumerate(found.items(), 1):
        for name, line, what in hits[:50]:
            print(f"# {name}:{line}: {what}")
        bad += bool(hits)
        print(f"{'not ok' if hits else 'ok'} {n} - {rule.__name__}: {rule.__doc__}")
    return 1 if bad else 0


def copy(to):
    for name in rules.Tree(TOP).names:
        os.makedirs(os.path.dirname(os.path.join(to, name)) or to, exist_ok=True)
        shutil.copy2(os.path.join(TOP, name), os.path.join(to, name))
    subprocess.run(["git", "init", "-q", to], check=True)


def with_file(top, name, text, rule_list):
    """The findings in the file once the text stands in it; the file is put back."""
    path = os.path.join(top, name)
    old = open(path, "rb").read() if os.path.exists(path) else None
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    found = check(top, rule_list)
    if old is None:
        os.unlink(path)
    else:
        with open(path, "wb") as f:
            f.write(old)
    return {rule: [h for h in hits if h[0] == name] for rule, hits in found.items()}


def self_test():
    results = []
    with tempfile.TemporaryDirectory(prefix="walls.") as top:
        copy(top)
        for rule, name, text in PLANTS:
            found = with_file(top, name, text, [rule])
            results.append((bool(found[rule]), f"{rule.__name__} sees {text.rstrip().splitlines()[-1]!r}"))
        for name, text in INNOCENT:
            # A planted file is an orphan by nature.
            wanted = [r for r in rules.ALL if r is not rules.no_orphans]
            hits = [h for hits in with_file(top, name, text, wanted).values() for h in hits]
            for h in hits:
                print(f"# {h}")
            results.append((not hits, f"nothing reported in innocent {name}"))
    print(f"TAP version 13\n1..{len(results)}")
    for n, (good, what) in enumerate(results, 1):
        print(f"{'ok' if good else 'not ok'} {n} - {what}".replace("#", "\\#"))
    return 0 if all(good for good, _ in results) else 1


if __name__ == "__main__":
    if sys.argv[1:] == ["--self-test"]:
        sys.exit(self_test())
    sys.exit(report(check(sys.argv[1] if len(sys.argv) > 1 else TOP)))
