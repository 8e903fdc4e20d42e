# SPDX-License-Identifier: GPL-2.0
"""The walls of the tree as rules: each takes a Tree and yields (path, line, what).

Patterns that look for text anywhere in the tree are spelled so that they do
not match this file.
"""

import os
import re
import subprocess

import rustlex

DRIVER = "drivers/gpu/drm/virtio_gpu/"
ROOT = DRIVER + "virtio_gpu_main.rs"
ABI = DRIVER + "abi/"
PROTO = DRIVER + "proto/"
# The files of abi/ that name the device: the headers bindgen reads, the two that
# compare or re-export its uapi structs, and the trace events, whose names are its.
ABI_NAMES_DEVICE = {ABI + f for f in ("bindings_helper.h", "proto_check.rs", "uapi.rs", "trace.rs", "helpers/trace.c",
                                      "helpers/trace.h", "helpers/cmd_trace.h")}


class Tree:
    """The files of a checkout, tracked or not ignored."""

    def __init__(self, top):
        self.top = top
        names = subprocess.run(["git", "-C", top, "ls-files", "-co", "--exclude-standard", "-z"],
                               check=True, capture_output=True).stdout.decode().split("\0")
        self.names = sorted({n for n in names if n and os.path.isfile(os.path.join(top, n))})
        self._text, self._code = {}, {}

    def text(self, name):
        """The file's text; empty for a file that is not UTF-8."""
        if name not in self._text:
            with open(os.path.join(self.top, name), "rb") as f:
                raw = f.read()
            try:
                self._text[name] = raw.decode()
            except UnicodeDecodeError:
                self._text[name] = ""
        return self._text[name]

    def code(self, name):
        if name not in self._code:
            self._code[name] = rustlex.blank(self.text(name))
        return self._code[name]

    def rust(self, under="", outside=None):
        for n in self.names:
            if n.endswith(".rs") and n.startswith(under) and not (outside and n.startswith(outside)):
                yield n


def _hits(text, pattern):
    for m in re.finditer(pattern, text):
        yield rustlex.line_of(text, m.start()), m


def unsafe_only_in_abi(tree):
    """unsafe, extern "C" and raw bindings stand in abi/ only"""
    for name in tree.rust(DRIVER, outside=ABI):
        code = tree.code(name)
        for line, m in _hits(code, r'\bunsafe\b|\bextern\s+"|\bbindings\b|\basm!'):
            yield name, line, f"'{m.group().strip()}' outside abi/"
        for line, _ in _hits(tree.text(name), r"\bbindings::"):
            yield name, line, "raw bindings named outside abi/"


def forbid_unsafe_code(tree):
    """every file outside abi/ starts with #![forbid(unsafe_code)]"""
    for name in tree.rust(DRIVER, outside=ABI):
        if name == ROOT:
            continue
        first = tree.code(name).lstrip()
        if not re.match(r"(#!\[[^\]]*\]\s*)*#!\[forbid\(unsafe_code\)\]", first):
            yield name, 1, "does not start with #![forbid(unsafe_code)]"


def crate_root_is_a_list(tree):
    """the crate root holds the module list and module!, nothing else"""
    if ROOT not in tree.names:
        return
    code = tree.code(ROOT)
    item = re.compile(r"\s*(?:#!?\[|(?:pub(?:\([^)]*\))?\s+)?mod\s+\w+\s*;|extern\s+crate\s+\w+(\s+as\s+\w+)?\s*;"
                      r"|use\s+[\w:*{}, \n]+;|(?:\w+::)*module(?:_\w+)?!\s*(?=\{))")
    at = 0
    while code[at:].strip():
        m = item.match(code, at)
        if not m:
            at = len(code) - len(code[at:].lstrip())
            what = code[at:].split("\n", 1)[0]
            yield ROOT, rustlex.line_of(code, at), f"neither a module nor module!: {what}"
            return
        at = m.end()
        if m.group().endswith("["):
            at = rustlex.block_end(code, m.end() - 1)
        elif "!" in m.group():
            at = rustlex.block_end(code, m.end())


def abi_knows_no_device(tree):
    """abi/ does not know virtio-gpu and uses nothing of the driver"""
    for name in tree.names:
        if not name.startswith(ABI) or name in ABI_NAMES_DEVICE:
            continue
        # Comments may say what abi/ does not know; the build's name for the generated file is no knowledge.
        text = rustlex.blank(tree.text(name), literals=False).replace("VIRTIO_GPU_RS_BINDINGS", "")
        for line, m in _hits(text, r"(?i)virtio[-_]?gpu|virtgpu|\bproto\b"):
            yield name, line, f"'{m.group()}' in abi/"
        if name.endswith(".rs"):
            for line, m in _hits(tree.code(name), r"\bcrate::(?!abi\b)\w+"):
                yield name, line, f"'{m.group()}' in abi/"


def _has_safety_above(lines, at):
    """Whether line index at, or the statement it continues, has SAFETY: right above."""
    for i in range(at - 1, max(-1, at - 40), -1):
        text = lines[i].strip()
        if text.startswith("//"):
            if "SAFETY:" in text:
                return True
        elif text.startswith("#[") or text.endswith(("(", "=", "=>", "&&", "||", "|", "?", "in", "return", "[")):
            continue        # an attribute, or a line that the statement goes on from
        elif lines[i + 1].strip().startswith((".", "&&", "||", "+", "|", "}")):
            continue        # the line below continues this one
        else:
            return False
    return False


def safety_comments(tree):
    """every unsafe block and impl of abi/ has a SAFETY comment, every unsafe fn a Safety section"""
    for name in tree.rust(ABI):
        text = tree.text(name)
        lines = text.split("\n")
        for line, _ in _hits(tree.code(name), r"\bunsafe\s*\{|\bunsafe\s+impl\b"):
            if "SAFETY:" not in lines[line - 1] and not _has_safety_above(lines, line - 1):
                yield name, line, "unsafe without a SAFETY comment right above"
        # Callbacks (extern "C") are called by C under the contract of their slot.
        for line, _ in _hits(tree.code(name), r"\bpub(?:\([^)]*\))?\s+unsafe\s+fn\b"):
            above = []
            for prev in reversed(lines[:line - 1]):
                if not prev.strip().startswith(("//", "#[")):
                    break
                above.append(prev)
            if not re.search(r"# Safety|SAFETY:", "\n".join(above)):
                yield name, line, "unsafe fn without a Safety section"


def file_heads(tree):
    """every .rs file starts with SPDX and //! docs, every C, Python and shell file has SPDX"""
    for name in tree.names:
        text = tree.text(name)
        head = text.split("\n")[:2]
        if name.endswith(".rs"):
            if not re.match(r"// SPDX-License-Identifier: GPL-2\.0[^\n]*\n\n?//!", text):
                yield name, 1, "does not start with SPDX and //! docs"
        elif name.endswith((".c", ".h", ".py", ".sh")) or text.startswith("#!"):
            if not any("SPDX-License-Identifier:" in h for h in head):
                yield name, 1, "no SPDX line at the start"


def proto_stands_alone(tree):
    """proto/ uses core and zerocopy only"""
    roots = {"core", "zerocopy", "zerocopy_derive", "crate", "self", "super", "Self"}
    for name in tree.rust(PROTO):
        if re.match(PROTO + r"(.*/)?(tests|fuzz|benches|examples)/", name):
            continue
        code = rustlex.without_tests(tree.code(name))
        # Modules that the file itself declares are roots too.
        own = roots | set(re.findall(r"\bmod\s+(\w+)", code))
        for line, m in _hits(code, r"\buse\s+(?:::)?(\w+)|\bextern\s+crate\s+(\w+)|\b(std|alloc|kernel)::"):
            used = m.group(1) or m.group(2) or m.group(3)
            if used not in own and not used[0].isupper():
                yield name, line, f"uses {used}"
    for name in tree.names:
        if name.startswith(PROTO) and name.endswith("Cargo.toml") and "/fuzz/" not in name:
            deps = re.search(r"(?ms)^\[dependencies\]\n(.*?)(?=^\[|\Z)", tree.text(name))
            for dep in re.findall(r"(?m)^([\w-]+)\s*=", deps.group(1) if deps else ""):
                if dep not in ("zerocopy", "zerocopy-derive"):
                    yield name, 1, f"depends on {dep}"


def no_panic(tree):
    """no unwrap, expect, panic or run-time assertion in the driver"""
    pattern = (r"\.\s*(?:unwrap|expect|unwrap_err|expect_err)\s*\(|\b(?:panic|unreachable|todo|unimplemented)!"
               r"|\b(?:debug_)?assert(?:_eq|_ne)?!")
    for name in tree.rust(DRIVER):
        if re.match(PROTO + r"(.*/)?(tests|fuzz|benches|examples)/", name):
            continue
        code = rustlex.without_tests(tree.code(name))
        if name == ABI + "proto_check.rs" and not re.search(r"\bfn\b", code):
            continue        # assertions in macros, for constants only: there is nothing that runs
        consts = []         # spans of constant items and const blocks: checked by the compiler
        for m in re.finditer(r"\bconst\s+\w+\s*:[^=;]*=|\bconst\s*(?=\{)", code):
            body = re.compile(r"\s*\{").match(code, m.end())
            if body:
                end = rustlex.block_end(code, body.end() - 1)
            else:
                end = m.end()
                while end < len(code) and code[end] != ";":
                    end = rustlex.block_end(code, end) if code[end] in "([{" else end + 1
            consts.append((m.start(), end))
        for m in re.finditer(pattern, code):
            if not any(a <= m.start() < b for a, b in consts):
                yield name, rustlex.line_of(code, m.start()), f"'{m.group().strip()}' can panic"


def no_places(tree):
    """no archive host and no path of one machine in the tree"""
    pattern = (r"\b(?:deb|ftp|security|snapshot|archive|ports|httpredir)[.](?:[a-z]{2}[.])?(?:debian|ubuntu)[.](?:org|com|net)"
               r"|\b(?:index|static)[.]crates[.]io|\bstatic[.]rust-lang[.]org|(?<![\w.])/wor[k]/|(?<![\w.])/roo[t]/(?:wt|dev|brief|[.]cache)"
               r"|(?<![\w.])/hom[e]/[a-z]+/")
    for name in tree.names:
        for line, m in _hits(tree.text(name), pattern):
            yield name, line, f"names '{m.group()}'"


def no_orphans(tree):
    """every file of the driver is named by a mod line, so that the compiler sees it"""
    sources = [n for n in tree.names if n.startswith(DRIVER)]
    declared = "\n".join(tree.text(n) for n in sources if n.endswith((".rs", "Kbuild", "Makefile", "Cargo.toml")))
    for name in tree.rust(DRIVER):
        if name == ROOT or re.match(PROTO + r"(.*/)?(tests|fuzz|benches|examples)/", name):
            continue
        parts = name[len(DRIVER):-3].split("/")
        stem = parts[-2] if parts[-1] in ("mod", "lib") and len(parts) > 1 else parts[-1]
        named = rf"\bmod\s+{stem}\s*;|{re.escape(os.path.basename(name))}\"|\b{re.escape(stem)}\.o\b"
        if not re.search(named, declared):
            yield name, 1, "no mod line names this file"


def no_leftovers(tree):
    """no marker of unfinished work, no allowed dead code in the driver"""
    for name in tree.names:
        if name.startswith(DRIVER):
            for line, m in _hits(tree.text(name), r"\bTOD[O]\b|\bFIXM[E]\b|\bXX[X]\b"):
                yield name, line, m.group()
    for name in tree.rust(DRIVER):
        if name.startswith(ABI + "bindings"):
            continue
        for line, _ in _hits(tree.code(name), r"\ballow\s*\([^)]*\b(?:dead_code|unused\w*)\b"):
            yield name, line, "dead code allowed away"


ALL = [unsafe_only_in_abi, forbid_unsafe_code, crate_root_is_a_list, abi_knows_no_device, safety_comments,
       file_heads, proto_stands_alone, no_panic, no_places, no_orphans, no_leftovers]
