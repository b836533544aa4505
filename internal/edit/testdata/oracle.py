"""Says for each line of JSON whether two TOML documents differ by what it names.

Reads {"before", "after", "changes": [{"path", "add", "value", "remove"}]} and
writes "ok" or what is wrong, by CPython's own parser.
"""

import json
import re
import sys

try:
    import tomllib
except ImportError:
    sys.exit(print("skip: this Python has no tomllib to compare with"))


def load(text):
    return tomllib.loads(text.removeprefix("\ufeff"))


def name(text):
    m = re.match(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?", text)
    return re.sub(r"[-_.]+", "-", m.group()).lower() if m else ""


def take(doc, path):
    """Takes a list out, with the tables that are empty without it."""
    if not isinstance(doc, dict) or path[0] not in doc:
        return None
    if len(path) == 1:
        return doc.pop(path[0])
    value = take(doc[path[0]], path[1:])
    if doc[path[0]] == {}:
        del doc[path[0]]
    return value


def expect(before, change):
    if isinstance(before, dict) or change.get("table"):
        out = dict(before or {})
        for key in list(out):
            if name(key) == change.get("remove"):
                del out[key]
        if "value" in change:
            out[change["add"]] = tomllib.loads("x = " + change["value"])["x"]
        return out
    return [e for e in before or [] if not (isinstance(e, str) and name(e) == change.get("remove"))]


def compare(case):
    before, after = load(case["before"]), load(case["after"])
    for change in case["changes"]:
        old, new = take(before, change["path"]), take(after, change["path"])
        want = expect(old, change)
        if isinstance(want, list) and "add" in change:
            new = list(new)
            if change["add"] not in new:
                return f"{change['add']} was not added"
            new.reverse()
            new.remove(change["add"])
            new.reverse()
        if (new or type(want)()) != want:
            return f"{change['path']} is {new}, not {want}"
    if repr(before) != repr(after):  # nan is not equal to itself
        return f"{before} became {after}"
    return "ok"


for line in sys.stdin:
    try:
        print(compare(json.loads(line)))
    except Exception as e:
        print("error:", repr(e))
