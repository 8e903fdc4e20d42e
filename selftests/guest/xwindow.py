# SPDX-License-Identifier: GPL-2.0
"""Pictures of the windows on an X display, by libX11: for displays that QEMU draws with GL."""
import ctypes


class _Image(ctypes.Structure):
    """The beginning of XImage."""
    _fields_ = [("width", ctypes.c_int), ("height", ctypes.c_int), ("xoffset", ctypes.c_int),
                ("format", ctypes.c_int), ("data", ctypes.c_void_p), ("byte_order", ctypes.c_int),
                ("unit", ctypes.c_int), ("bit_order", ctypes.c_int), ("pad", ctypes.c_int),
                ("depth", ctypes.c_int), ("bytes_per_line", ctypes.c_int)]


def _library():
    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    x.XOpenDisplay.argtypes = [ctypes.c_char_p]
    x.XDefaultRootWindow.restype = ctypes.c_ulong
    x.XDefaultRootWindow.argtypes = x.XCloseDisplay.argtypes = [ctypes.c_void_p]
    x.XQueryTree.argtypes = [ctypes.c_void_p, ctypes.c_ulong] + [ctypes.c_void_p] * 4
    x.XGetGeometry.argtypes = [ctypes.c_void_p, ctypes.c_ulong] + [ctypes.c_void_p] * 7
    x.XGetImage.restype = ctypes.POINTER(_Image)
    x.XGetImage.argtypes = [ctypes.c_void_p, ctypes.c_ulong, ctypes.c_int, ctypes.c_int,
                            ctypes.c_uint, ctypes.c_uint, ctypes.c_ulong, ctypes.c_int]
    x.XFree.argtypes = [ctypes.c_void_p]
    return x


def _windows(x, display):
    """The windows of a size worth showing, as (id, width, height), in the order they were made."""
    root, parent, count = ctypes.c_ulong(), ctypes.c_ulong(), ctypes.c_uint()
    children = ctypes.POINTER(ctypes.c_ulong)()
    x.XQueryTree(display, x.XDefaultRootWindow(display), ctypes.byref(root), ctypes.byref(parent),
                 ctypes.byref(children), ctypes.byref(count))
    for window in sorted(children[i] for i in range(count.value)):
        n = [ctypes.c_uint() for _ in range(6)]
        x.XGetGeometry(display, window, ctypes.byref(root), *[ctypes.byref(i) for i in n])
        if n[2].value > 16 and n[3].value > 16:
            yield window, n[2].value, n[3].value
    x.XFree(children)


def grab(name, head):
    """The picture in the window of a head on display `name`."""
    from PIL import Image
    x = _library()
    display = x.XOpenDisplay(name.encode())
    if not display:
        raise OSError(f"no X display {name}")
    try:
        windows = list(_windows(x, display))
        if head >= len(windows):
            raise OSError(f"head {head} has no window")
        window, width, height = windows[head]
        image = x.XGetImage(display, window, 0, 0, width, height, 0xffffffff, 2)
        if not image:
            raise OSError("the window cannot be read")
        line = image.contents.bytes_per_line
        data = ctypes.string_at(image.contents.data, line * height)
        return Image.frombuffer("RGB", (width, height), data, "raw", "BGRX", line, 1)
    finally:
        x.XCloseDisplay(display)
