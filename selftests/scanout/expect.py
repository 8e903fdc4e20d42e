# SPDX-License-Identifier: GPL-2.0
"""What the figures of a run have to be, scenario by scenario.

A machine without time for the guest or for the host changes figures: what a run knows of that itself (beats of
the host's that came late, flips whose time was up, frames in which the client did not get to run) is taken into account.
"""


# What is wrong with a run on a machine that is too busy; it is worth another one.
NO_TIME = "the machine had time"
# Part of a frame: times from flip to flip begin and end anywhere in a period.
EDGE = 0.5


def figures(line):
    """The words name=number of a line."""
    return {k: float(v) if "." in v else int(v) for k, v in (w.split("=") for w in line.split()[1:])}


def line(f):
    return " ".join(f"{k} {v}" for k, v in f.items() if k != "copied")


def in_place(f):
    """Nothing is copied, and the host has seen enough to tell."""
    if f["copied"]:
        yield f"{f['copied']} bytes were copied"
    if f["odd"]:
        yield f"numbers or times of {f['odd']} flips do not grow"
    if f["samples"] < f["frames"] // 20:
        yield f"only {f['samples']} pictures were looked at"


def release(f):
    """Nobody draws into what is shown, but where the host's time was up."""
    yield from in_place(f)
    if f["mixed"] > f["toolate"]:
        yield f"{f['mixed']} pictures are mixed, and only {f['toolate']} flips had to be ended"
    if f["toolate"] > max(2, f["frames"] // 10, f["late"]):
        yield f"{f['toolate']} flips had to be ended"


def long(f):
    """The same; frames count where no flip had to be ended, and of those none is mixed."""
    yield from release(f)
    if f["samples"] < f["frames"] * 9 // 10:
        yield f"only {f['samples']} pictures were looked at"


def full(f):
    """Not even a transfer of nothing."""
    yield from release(f)
    if f["transfers"]:
        yield f"{f['transfers']} transfers"


def lie(f):
    """A host that lies finds mixed pictures, so the test can fail."""
    if f["toolate"] > f["frames"] // 10:
        yield f"{NO_TIME} to answer all but {f['toolate']} of {f['frames']} frames"
    elif f["mixed"] <= f["toolate"]:
        yield "no picture is mixed: what is drawn into while it is shown is not noticed"


def never(f):
    """The timer sets the pace: one flip has to be ended, and the others are not held back."""
    yield from in_place(f)
    if f["toolate"] > 1:
        yield f"{f['toolate']} flips waited for the host"


def pace(f):
    """Of the frames that a mode or the host, whichever is slower, has time for, one in a hundred at most is lost."""
    yield from in_place(f)
    if f["mixed"] or f["toolate"]:
        yield f"{f['mixed']} pictures are mixed, {f['toolate']} flips waited for the host for too long"
    if f["calm"] < f["frames"] // 2:
        yield f"{NO_TIME} for {f['calm']} of {f['frames']} frames only"
    if f["lost"] > f["calm"] / 100 + EDGE:
        yield f"{f['lost']} of {f['calm']} frames are lost"


def pace_never(f):
    """The first flip waits for the host, no other one does."""
    yield from in_place({**f, "samples": f["frames"]})
    if f["toolate"] > 1 or f["lost"] > f["calm"] / 100 + EDGE:
        yield f"{f['toolate']} flips waited for the host, {f['lost']} of {f['calm']} frames are lost"


def whole(f):
    """Pictures are right, with a copy or without."""
    if f["odd"] or f["mixed"] > f["toolate"]:
        yield f"{f['mixed']} pictures are mixed, numbers or times of {f['odd']} flips do not grow"
    if f["samples"] < f["frames"] // 20:
        yield f"only {f['samples']} pictures were looked at"


def refusing(times):
    """As that, but a host that refuses a picture goes on to show the one before, which is the client's to draw into: until the
    next picture, in which it looks once or twice."""
    def rule(f):
        yield from whole({**f, "mixed": max(0, f["mixed"] - 2 * times)})
    return rule


def copied(f):
    """The host has said that it cannot do without a copy."""
    yield from whole(f)
    if not f["copied"]:
        yield "nothing is copied"


def slow(f):
    """The timer goes on."""
    if f["copied"] or f["odd"]:
        yield f"{f['copied']} bytes were copied, numbers or times of {f['odd']} flips do not grow"
    if not f["toolate"]:
        yield "the host was never too slow"
    if f["rate"] < 15 and f["hiccups"] < 10:
        yield f"{f['rate']} frames a second"


def fences(f):
    """Nobody is told that the old buffer is free while it is shown, and all are told then."""
    if f["apart"]:
        yield f"{f['apart']} times event, out-fence and dma-buf did not tell the same"
    if f["earlyout"] > f["frames"] // 10 or f["earlybuffer"] > f["frames"] // 4:
        yield f"told so at once: {f['earlyout']} out-fences, {f['earlybuffer']} dma-bufs"


def quiet(f):
    """Nothing but what happens beside interrupts, and a queue that is full."""
    for name in ("flips", "moves"):
        if f[name] > f["frames"] // 10:
            yield f"{f[name]} interrupts for {f['frames']} {name}"


def lost(f):
    """Whatever was in a context is lost with sleep, and says so; the rest goes on."""
    for name in ("slept", "pending", "fence", "exec", "create", "anew", "shown"):
        if not f[name]:
            yield f"not so: {name}"


def anything(_f):
    """A host that dies: that the guest goes on is all there is to it."""
    return []


# Scenarios in which the guest does not end by itself, and tells in the kernel's log.
LOGS = {"sleep", "sleep-disk", "sleep-picture"}
# Scenarios in which the program may fail.
SURVIVES = {"die", "gl-die"}
# How many frames there have to be in all, of calls in which no flip had to be ended. There is no trace of so many.
FRAMES = {"long": 100000}
RULES = {"die": anything, "errors": refusing(20), "fences": fences, "foreign": release, "full-1280x800": full,
         "full-3840x2160": full, "gl": release, "gl-die": anything, "gl-foreign": release, "gl-full-1280x800": full,
         "gl-full-3840x2160": full, "gl-no-blobs": copied, "gl-refused": copied, "gl-refused-later": refusing(5),
         "long": long, "long-lie": lie, "never": never, "never-later": slow, "pace-120": pace, "pace-50": pace,
         "pace-60": pace, "pace-75": pace, "pace-irregular": pace, "pace-never": pace_never, "quiet": quiet, "read": release,
         "release": release, "release-lie": lie, "sleep": lost, "sleep-disk": lost,
         "sleep-picture": lost, "slow": slow}
