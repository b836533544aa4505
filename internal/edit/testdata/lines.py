"""Says for each line of JSON whether pip reads what it should of two files.

Reads {"before", "after", "add", "remove"} and writes "ok" or what is wrong.
"""

import json
import os
import re
import sys
import tempfile

try:
    from pip._internal.req.req_file import parse_requirements
except ImportError:
    sys.exit(print("skip: there is no pip to compare with"))

folder = tempfile.mkdtemp()
open(os.path.join(folder, "other.txt"), "w").close()


def read(text):
    path = os.path.join(folder, "requirements.txt")
    with open(path, "wb") as f:
        f.write(text.encode())
    return [
        (r.requirement, r.is_editable, r.constraint, json.dumps(r.options or {}, sort_keys=True))
        for r in parse_requirements(path, None)
    ]


def name(requirement):
    egg = re.search(r"#egg=([A-Za-z0-9._-]+)", requirement)
    m = egg or re.match(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)(?!://)(?![A-Za-z0-9._-])", requirement)
    return re.sub(r"[-_.]+", "-", m.group(1)).lower() if m else ""


def compare(case):
    before, after = read(case["before"]), read(case["after"])
    if case.get("add"):
        new = [r for r in after if r[0] == case["add"]]
        if len(new) != 1:
            return f"{case['add']} is there {len(new)} times: {after}"
        after.remove(new[0])
    if case.get("remove"):
        before = [r for r in before if name(r[0]) != case["remove"]]
    return "ok" if before == after else f"{before} became {after}"


for line in sys.stdin:
    try:
        print(compare(json.loads(line)))
    except Exception as e:
        print("error:", repr(e))
