"""Make the vectors that Poetry's constraints are held to, by poetry-core:

    python3 -m venv /tmp/vectors && /tmp/vectors/bin/pip install poetry-core==2.5.0
    /tmp/vectors/bin/python generate_poetry.py

Every line of constraints.jsonl is a JSON array: the constraint, and which of
the versions of the first line it allows, as a string of 0 and 1; null where it
is none, false where it has alternatives.
"""

import json
import random
from pathlib import Path

from poetry.core.constraints.version import Version, parse_constraint

rng = random.Random(131394)
here = Path(__file__).parent

VERSIONS = (
    "0 0.0 0.0.1 0.0.3 0.0.3.1 0.0.4.dev0 0.0.4 0.1 0.1a1 0.2 0.2.3 0.2.4 0.3.dev1 0.3rc1 0.3 0.9 0.10 1.dev0 1a1 1rc1 1 1.0.0 1.0.0.1 1.0.post1 1.0+cpu 1.1 1.2 "
    "1.2a1 1.2rc1 1.2.dev0 1.2.0 1.2.3 1.2.3.4 1.2.3.post1 1.2.3+local.1 1.2.4 1.2.10 1.3.dev0 1.3a1 1.3 1.9 1.10 2.dev0 2a1 2 2.0.1 2.1 "
    "2.1.post2 2.9.9 3 3.0rc1 3.1 9 9.9 10 10.1 13.9.4 13.9.5 14 99 100 2024.1 2024.2 2025 1!0 1!1 1!1.2 1!1.3 1!2 2!1"
).split()


def pick(*options):
    return rng.choice(options)


def release():
    return ".".join(pick("0", "0", "1", "1", "2", "3", "9", "10", "01", "2024") for _ in range(pick(1, 2, 2, 3, 3, 4)))


def version():
    text = pick("", "", "", "", "", "", "", "v", "1!") + (rng.choice(VERSIONS).split("!")[-1].split("+")[0] if rng.random() < 0.5 else release())
    if rng.random() < 0.15 and text[-1].isdigit() and not any(c.isalpha() for c in text[1:]):
        text += pick("a1", "b2", "rc1", ".post1", ".dev0", "-1", ".rc.1")
    return text


def single():
    op = pick("^", "^", "^", "~", "~", "~=", ">=", ">=", "<", "<=", ">", "==", "=", "", "", "!=")
    text = op + pick("", "", "", " ", "  ") + version()
    if rng.random() < 0.12:
        text += pick(".*", ".*.*")
    if rng.random() < 0.03:
        text = pick("*", "x", "X", "*.*", "v*", "V.x", "^", "", "1.x", "1 -2", "1-2", "@", "==*", "=>1", "===1", "^^1", "~>1", ">=", "latest", "^1.2 beta", "1.2.", "^1..2")
    return text


def constraint():
    n = pick(1, 1, 1, 2, 2, 2, 3)
    text = pick(",", ", ", " ", " , ", "  ").join(single() for _ in range(n))
    if rng.random() < 0.05:
        text += pick(",", " ", " ,", " || ^1", "|2", " or 3")
    if rng.random() < 0.03:
        text = pick(" ", ",") + text
    return text


DOCUMENTED = (
    "^1.2.3 ^1.2 ^1 ^0.2.3 ^0.0.3 ^0.0 ^0 ~1.2.3 ~1.2 ~1 * 1.* 1.2.* =13.9.4 ==13.9.4 13.9.4 ~=1.2 ~=1.2.3 ~=1 >=1.2,<1.5 !=1.2.3 ^01 ^1.2a1 ~1.2rc1 >=1.*"
).split() + [">= 1.2, < 1.5", ">=1 <2", "^ 1.2", "= 1.2", "1 || 2", "^2|^3", ">=1.2,<2,!=1.3", "", ",", "^2024.1", "^99999999999999999999"]


def outcome(text):
    if "|" in text:
        return False
    try:
        c = parse_constraint(text)
    except ValueError:
        return None
    return "".join("01"[c.allows(Version.parse(v))] for v in VERSIONS)


texts = dict.fromkeys(DOCUMENTED + [constraint() for _ in range(4000)])
rows = [["", VERSIONS]] + [[t, outcome(t)] for t in texts if t != "dev"]
(here / "constraints.jsonl").write_text("\n".join(json.dumps(r, separators=(",", ":")) for r in rows) + "\n")
print(len(rows), "rows,", sum(r[1] is None for r in rows), "are none")
