"""Prints the names of each module of the standard library, one JSON object a line."""
import contextlib
import importlib
import io
import json
import pkgutil
import sys
import warnings

warnings.simplefilter("ignore")
# What opens windows, browsers or consoles, or runs when it is imported.
SKIP = {"antigravity", "this", "idlelib", "turtledemo", "tkinter", "test", "lib2to3", "__main__", "__phello__", "turtle"}


def modules():
    for name in sorted(getattr(sys, "stdlib_module_names", None) or (m.name for m in pkgutil.iter_modules() if m.module_finder.path.endswith("python%d.%d" % sys.version_info[:2]))):
        if name in SKIP:
            continue
        yield name
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                module = importlib.import_module(name)
        except BaseException:
            continue
        for sub in pkgutil.iter_modules(getattr(module, "__path__", ())):
            if "__main__" not in sub.name and "test" not in sub.name and not sub.name.startswith("_bootstrap"):
                yield name + "." + sub.name


for name in modules():
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            module = importlib.import_module(name)
    except BaseException:
        continue
    print(json.dumps({"Module": name, "Names": [n for n in dir(module)]}))
