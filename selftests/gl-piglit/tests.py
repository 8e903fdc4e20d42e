#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""In the guest: runs the piglit tests of a selection, two at a time, without a
window system, and prints a line "@ RESULT SECONDS NAME" for each.

A line of the selection is a pattern of names in piglit's list of GL programs,
or `shaders DIR/PATTERN`, files for piglit's shader_runner, many in one process;
with ! in front it takes away what lines before it have brought. `exactly NAME`
is one of either by its name.
"""

import ast
import fnmatch
import glob
import gzip
import html
import json
import os
import queue
import re
import subprocess
import sys
import threading
import time

PIGLIT = glob.glob("/usr/lib/*/piglit")[0]
TEST = re.compile(r'<Test type="gl" name="([^"]*)"><option name="command" value="([^"]*)" /><option name="run_concurrent" value="(\w+)"')
SHADER = re.compile(r"PIGLIT TEST: \d+ - (\S+)")
WORD = re.compile(r'PIGLIT: (\{.*\})')
PER_PROCESS = 25
LIMIT = int(os.environ.get("LIMIT", "60"))


def chosen(lines):
    """({name: command} of programs, [names of files for shader_runner])"""
    with gzip.open("tests/quick_gl.xml.gz", "rt", encoding="utf-8") as f:
        # As piglit does: what may run beside others draws to a framebuffer of its own.
        programs = {html.unescape(n): ast.literal_eval(html.unescape(c)) + ["-auto"] + ["-fbo"] * (beside == "True")
                    for n, c, beside in TEST.findall(f.read())}
    names, files = set(), set()
    for line in lines:
        out, line = line.startswith("!"), line.lstrip("!")
        if line.startswith("exactly "):
            name = line.split(" ", 1)[1]
            path = f"tests/{name.replace('@', '/')}.shader_test"
            found, into = ([name], names) if name in programs else ([path] if os.path.exists(path) else [], files)
        elif line.startswith("shaders "):
            found, into = glob.glob("tests/" + line.split(" ", 1)[1] + ".shader_test"), files
        else:
            found, into = fnmatch.filter(programs, line), names
        if not found:
            print(f"# nothing is named {line}")
        into.difference_update(found) if out else into.update(found)
    return {n: programs[n] for n in sorted(names)}, sorted(files)


def name_of(path):
    return path[len("tests/"):-len(".shader_test")].replace("/", "@")


class Run:
    """What is still to be done."""

    def __init__(self):
        self.count, self.todo, self.lock = 0, queue.Queue(), threading.Lock()

    def note(self, name, result, seconds):
        with self.lock:
            self.count += 1
            print(f"@ {result} {seconds:.2f} {name}", flush=True)

    @staticmethod
    def _run(command, limit):
        """(output, what the way it ended says, seconds)"""
        start = time.monotonic()
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL) as p:
            try:
                text, how = p.communicate(timeout=limit)[0], None
            except subprocess.TimeoutExpired:
                p.kill()
                text, how = p.communicate()[0], "timeout"
        if p.returncode < 0 and not how:
            how = "crash"
        return text.decode(errors="replace"), how, time.monotonic() - start

    def program(self, name, command):
        text, how, seconds = self._run(["bin/" + command[0], *command[1:]], LIMIT)
        said = [w["result"] for w in map(json.loads, WORD.findall(text)) if "result" in w]
        self.note(name, how or (said[-1] if said else "fail"), seconds)

    def shaders(self, files):
        """As piglit does: what comes after one that takes the process down is run by another."""
        files = list(files)
        while files:
            text, how, seconds = self._run(["bin/shader_runner", *files, "-auto", "-fbo", "-report-subtests"], LIMIT + 2 * len(files))
            said, started = {}, []
            for line in text.splitlines():
                if (m := SHADER.match(line)) and m[1] not in started:
                    started.append(m[1])
                elif m := WORD.match(line):
                    said.update(json.loads(m[1]).get("subtest", {}))
            if len(files) == 1 and not said and (m := WORD.search(text)):
                # A file by itself has no subtests.
                said[os.path.basename(files[0])[:-len(".shader_test")]] = json.loads(m[1]).get("result", "fail")
            left = []
            for f in files:
                short = os.path.basename(f)[:-len(".shader_test")]
                if short in said:
                    self.note(name_of(f), said[short], seconds / max(1, len(said)))
                elif len(files) == 1:
                    self.note(name_of(f), how or "fail", seconds)
                else:
                    left.append(f)
            if len(left) == len(files):
                # Nothing came of it: the first one is the reason.
                self.shaders(left[:1])
                left = left[1:]
            elif left:
                self.shaders(left[:1])
                left = left[1:]
            files = left

    def work(self):
        while True:
            try:
                what, *args = self.todo.get_nowait()
            except queue.Empty:
                return
            what(*args)


def main():
    os.chdir(PIGLIT)
    os.environ.update(PIGLIT_PLATFORM="gbm", PIGLIT_SOURCE_DIR=PIGLIT, LD_LIBRARY_PATH=PIGLIT + "/lib",
                      MESA_SHADER_CACHE_DISABLE="true")
    with open(sys.argv[1], encoding="utf-8") as f:
        programs, files = chosen([s for line in f if (s := line.split("#")[0].strip())])
    run = Run()
    # Results have the file's name only, so of several with the same name one can be in a process.
    some = {}
    for f in files + [None]:
        if some and (f is None or len(some) == PER_PROCESS or os.path.basename(f) in some):
            run.todo.put((run.shaders, list(some.values())))
            some = {}
        if f:
            some[os.path.basename(f)] = f
    for name, command in programs.items():
        run.todo.put((run.program, name, command))
    workers = [threading.Thread(target=run.work) for _ in range(2)]
    for w in workers:
        w.start()
    for w in workers:
        w.join()
    print(f"{run.count} results of {len(programs)} programs and {len(files)} shaders")


main()
