"""Make the vectors that the tests of versions, specifiers, markers,
requirements and wheel tags are held to, by PyPI's "packaging":

    python3 -m venv /tmp/vectors && /tmp/vectors/bin/pip install packaging==26.3
    /tmp/vectors/bin/python generate.py

Every file has one JSON array on each line.
"""

import json
import random
from pathlib import Path

from packaging import _manylinux, tags
from packaging.markers import Marker
from packaging.requirements import InvalidRequirement, Requirement
from packaging.specifiers import InvalidSpecifier, SpecifierSet
from packaging.utils import canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

rng = random.Random(440508)
here = Path(__file__).parent


def write(name, rows):
    rows = list(dict.fromkeys(json.dumps(r, ensure_ascii=True, separators=(",", ":")) for r in rows))
    (here / name).write_text("\n".join(rows) + "\n")
    print(f"{name}: {len(rows)} rows")


def pick(*options):
    return rng.choice(options)


def some(text, chance):
    return text if rng.random() < chance else ""


def digits():
    return pick("0", "1", "2", "3", "9", "10", "11", "00", "01", "2024", "20240131235959123456789")


def case(text):
    return text.upper() if rng.random() < 0.1 else text


def sep():
    return pick("", ".", "-", "_")


def pre():
    return sep() + case(pick("a", "b", "c", "rc", "alpha", "beta", "pre", "preview")) + sep() + some(digits(), 0.8)


def post():
    return "-" + digits() if rng.random() < 0.3 else sep() + case(pick("post", "rev", "r")) + sep() + some(digits(), 0.8)


def dev():
    return sep() + case("dev") + sep() + some(digits(), 0.8)


def local():
    return "+" + pick(".", "-", "_").join(case(pick("abc", "1", "01", "a1", "ubuntu", "0", "deadbeef", "5")) for _ in range(rng.randint(1, 3)))


def release(least=1):
    return ".".join(pick("0", "0", "1", "1", "2", "3", "10", "01", "2024") for _ in range(rng.randint(least, 4)))


def public(least=1):
    return some("v", 0.05) + some(pick("0!", "1!", "01!"), 0.1) + release(least) + some(pre(), 0.35) + some(post(), 0.25) + some(dev(), 0.25)


def version():
    return public() + some(local(), 0.2)


def broken():
    """A version with one change, mostly no version any more."""
    text = list(version())
    for _ in range(rng.randint(1, 2)):
        i = rng.randrange(len(text) + 1)
        if rng.random() < 0.5 and text:
            text.pop(min(i, len(text) - 1))
        else:
            text.insert(i, pick(".", "-", "_", "+", "!", "a", "z", "1", " ", "*", "é", "٣", "v", "dev", "post"))
    return "".join(text)


def near(text):
    """A version close to another."""
    v = Version(text)
    base = ".".join(map(str, v.release))
    return pick(
        text, base, base + ".0", base + "a1", base + "rc1", base + ".dev0", base + ".post1", base + ".post1.dev2",
        base + "+local", base + ".1", v.public, v.base_version, str(v), base + "a1.dev1", base + ".post2+x",
        ".".join(map(str, v.release[:-1])) or "1", base + "a1.post1", text + some(".dev1", 0.2 if ".dev" not in text else 0),
    )


def valid(make, parse=Version):
    while True:
        text = make()
        try:
            parse(text)
        except (InvalidVersion, InvalidSpecifier, InvalidRequirement):
            continue
        return text


def parses():
    for i in range(4000):
        text = version() if i % 2 else broken()
        text = some(" ", 0.05) + text + some(" ", 0.05)
        try:
            v = Version(text)
            yield [text, str(v), v.is_prerelease]
        except InvalidVersion:
            yield [text, None, False]


def comparisons():
    for _ in range(8000):
        a = valid(version)
        b = valid(lambda: near(a)) if rng.random() < 0.6 else valid(version)
        x, y = Version(a), Version(b)
        yield [a, b, (x > y) - (x < y)]


def specifier(around=None):
    op = pick("==", "!=", "<=", ">=", "<", ">", "~=", "===", "==", "!=", ">=", "<")
    target = around and near(around) or version()
    if op in ("<=", ">=", "<", ">", "~=") and rng.random() < 0.9:
        target = target.split("+")[0]
    if op in ("==", "!=") and rng.random() < 0.35:
        target = release() + ".*" if around is None else ".".join(map(str, Version(around).release[: rng.randint(1, 4)])) + ".*"
    return op + some(" ", 0.2) + target


def specifier_rows():
    for _ in range(8500):
        v = valid(version)
        text = some(" ", 0.05) + ",".join(specifier(v if rng.random() < 0.8 else None) for _ in range(pick(1, 1, 1, 2, 3)))
        try:
            s = SpecifierSet(text)
        except InvalidSpecifier:
            yield [text, v, None, None]
            continue
        # A string and not a Version: "===" compares what was written.
        yield [text, v, s.contains(v, prereleases=True), s.contains(v, prereleases=False)]


ENVIRONMENTS = [
    dict(python_version="3.13", python_full_version="3.13.5", implementation_name="cpython", implementation_version="3.13.5",
         platform_python_implementation="CPython", os_name="posix", sys_platform="linux", platform_system="Linux",
         platform_machine="x86_64", platform_release="6.1.0-18-amd64", platform_version="#1 SMP"),
    dict(python_version="3.9", python_full_version="3.9.21", implementation_name="cpython", implementation_version="3.9.21",
         platform_python_implementation="CPython", os_name="posix", sys_platform="darwin", platform_system="Darwin",
         platform_machine="arm64", platform_release="23.1.0", platform_version="Darwin Kernel Version 23.1.0"),
    dict(python_version="3.10", python_full_version="3.10.14", implementation_name="pypy", implementation_version="7.3.17",
         platform_python_implementation="PyPy", os_name="nt", sys_platform="win32", platform_system="Windows",
         platform_machine="AMD64", platform_release="10", platform_version="10.0.19045"),
    dict(python_version="3.15", python_full_version="3.15.0a1+", implementation_name="cpython", implementation_version="3.15.0a1",
         platform_python_implementation="CPython", os_name="posix", sys_platform="linux", platform_system="Linux",
         platform_machine="aarch64", platform_release="", platform_version=""),
]
VALUES = {
    "python_version": ["3", "3.8", "3.9", "3.10", "3.13", "3.*", "3.9.*", "2.7", "3.15", "3.13.0", "3.8 3.9", "2.7, 3.9", ""],
    "python_full_version": ["3.13.5", "3.9.0", "3.9.21", "3.11.4", "3.13.*", "3.15.0a1", "3.10.0rc1", "3.15.0a1+local"],
    "implementation_name": ["cpython", "pypy", "CPython"],
    "implementation_version": ["3.13", "7.3", "3.13.5", "7.3.*", "abc"],
    "platform_python_implementation": ["CPython", "PyPy", "Jython", "cpython"],
    "os_name": ["posix", "nt", "java", "posix nt"],
    "sys_platform": ["linux", "win32", "darwin", "linux2", "cygwin", "linux darwin"],
    "platform_system": ["Linux", "Windows", "Darwin", "linux"],
    "platform_machine": ["x86_64", "aarch64", "arm64", "AMD64", "x86_64 aarch64", "armv7l"],
    "platform_release": ["6.1.0", "10", "6", "23.1.0", "5.*", "6.1.0-18-amd64"],
    "platform_version": ["#1 SMP", "10.0.19045", ""],
    "extra": ["test", "Test", "dev", "a_b", "a-b", "A.B", "socks", ""],
}
ALIASES = {"os_name": "os.name", "sys_platform": "sys.platform", "platform_machine": "platform.machine",
           "platform_version": "platform.version", "platform_python_implementation": pick("platform.python_implementation", "python_implementation")}


def comparison():
    name = rng.choice(list(VALUES) + ["python_version", "extra", "sys_platform", "python_full_version"])
    quote = pick('"', "'")
    value = quote + rng.choice(VALUES[name]) + quote
    written = ALIASES.get(name, name) if rng.random() < 0.1 else name
    op = pick("==", "!=", "<", ">", "<=", ">=", "in", "not in", "~=", "===", "==", ">=", "<")
    gap = " " if op in ("in", "not in") or rng.random() < 0.8 else ""
    if op == "not in" and rng.random() < 0.2:
        op = "not  in"
    return gap.join([value, op, written] if rng.random() < 0.2 else [written, op, value])


def marker(depth=0):
    parts = []
    for i in range(pick(1, 1, 2, 2, 3)):
        if i:
            parts.append(pick("and", "or"))
        inner = comparison() if depth > 2 or rng.random() < 0.75 else "(" + some(" ", 0.3) + marker(depth + 1) + some(" ", 0.3) + ")"
        parts.append(inner)
    return " ".join(parts)


BROKEN_MARKERS = ["", "python_version", "python_version >", "python_version > 3", "(python_version > '3'", "python_version > '3')",
                  "unknown == 'x'", "python_version == '3' and", "and", "python_version not '3'", "python_version notin '3'",
                  "python_version == '3' or or os_name == 'nt'", "os_name == 'posix", "os_name = 'posix'", "os_name == posix",
                  "python_versions > '3'", "xpython_version > '3'", "os_name == 'nt' extra == 'x'"]


def marker_rows():
    for text in BROKEN_MARKERS:
        yield [text, 0, "", "invalid"]
    for _ in range(3000):
        text = marker()
        env = rng.randrange(len(ENVIRONMENTS))
        extra = pick("", "", "test", "A_B", "socks", "dev")
        try:
            yield [text, env, extra, Marker(text).evaluate({**ENVIRONMENTS[env], "extra": extra})]
        except Exception as e:  # UndefinedComparison
            yield [text, env, extra, type(e).__name__]


def requirement():
    name = pick("requests", "Zope.Interface", "ruamel.yaml", "typing_extensions", "A", "a--b", "x1", "in", "or-tools", "pytest")
    text = some(" ", 0.05) + name + some(" ", 0.3)
    if rng.random() < 0.3:
        text += "[" + pick(",", ", ", " , ").join(pick("socks", "Test", "a_b", "x.y") for _ in range(rng.randint(0, 3))) + "]" + some(" ", 0.3)
    if rng.random() < 0.12:
        text += "@" + some(" ", 0.8) + pick("https://example.com/x-1.0.tar.gz", "file:///srv/x", "git+https://example.com/x.git@v1#egg=x")
        text += pick("", " ", " ;" + some(" ", 0.5) + marker(2))
        return text
    specifiers = pick(",", ", ", " ,").join(specifier() for _ in range(pick(0, 1, 1, 2)))
    text += "(" + specifiers + ")" if rng.random() < 0.15 else specifiers
    if rng.random() < 0.4:
        text += some(" ", 0.6) + ";" + some(" ", 0.8) + marker(2)
    return text


def damaged_requirement():
    text = list(requirement())
    for _ in range(rng.randint(1, 2)):
        i = rng.randrange(len(text))
        if rng.random() < 0.5:
            text.pop(i)
        else:
            text.insert(i, pick("(", ")", "[", "]", ";", ",", "@", "=", "é", "-", "$", "'"))
        text = text or ["x"]
    return "".join(text)


def requirement_rows():
    for i in range(3000):
        text = requirement() if i % 3 else damaged_requirement()
        if "===" in text and "," in text:
            continue  # its tokenizer takes the comma for a part of the version
        try:
            r = Requirement(text)
        except InvalidRequirement:
            yield [text, None]
            continue
        if "\\" in text:
            continue
        results = []
        if r.marker:
            for env in ENVIRONMENTS:
                try:
                    results.append(r.marker.evaluate({**env, "extra": "test"}))
                except Exception as e:
                    results.append(type(e).__name__)
        yield [text, {"name": canonicalize_name(r.name), "extras": sorted({canonicalize_name(e) for e in r.extras}), "url": r.url or "",
                      "specifiers": sorted(str(s).replace(" ", "") for s in r.specifier), "marker": results}]


TARGETS = [  # python, threaded, platform as whittle names it
    ("3.13", False, "manylinux_2_36_x86_64"), ("3.13", True, "manylinux_2_41_aarch64"), ("3.9", False, "manylinux_2_28_x86_64"),
    ("3.12", False, "musllinux_1_2_x86_64"), ("3.11", False, "manylinux_2_17_i686"), ("3.15", True, "musllinux_1_2_aarch64"),
    ("3.10", False, "manylinux_2_36_armv7l"),
]


def platforms(target):
    family, major, minor, arch = target.split("_", 3)
    if family == "musllinux":
        for n in range(int(minor), -1, -1):
            yield f"musllinux_{major}_{n}_{arch}"
    else:
        _manylinux._get_glibc_version = lambda: _manylinux._GLibCVersion(int(major), int(minor))
        _manylinux._have_compatible_abi = lambda executable, archs: True
        _manylinux._get_manylinux_module = lambda: None
        yield from _manylinux.platform_tags([arch])
    yield f"linux_{arch}"


def supported(target):
    python, threaded, platform = target
    major, minor = map(int, python.split("."))
    plats = list(platforms(platform))
    abi = f"cp{major}{minor}" + ("t" if threaded else "")
    out = set(tags.cpython_tags((major, minor), abis=[abi], platforms=plats))
    return out | set(tags.compatible_tags((major, minor), interpreter=f"cp{major}{minor}", platforms=plats))


def wheel():
    python = pick("cp313", "cp39", "cp312", "cp310", "cp311", "py3", "py2.py3", "cp38.cp39.cp310", "py313", "py39", "pp310", "cp315", "cp32", "cp36", "py2", "py314")
    abi = pick("none", "none", python.split(".")[0], "abi3", "abi3", "cp313t", "cp313", "abi3t", "cp315t", "cp39", "pypy310_pp73")
    platform = pick("any", "any", "manylinux_2_17_x86_64.manylinux2014_x86_64", "manylinux1_x86_64", "manylinux2010_i686", "linux_x86_64",
                    "manylinux_2_28_aarch64", "manylinux_2_34_x86_64", "manylinux_2_36_x86_64", "manylinux_2_37_x86_64", "manylinux_2_41_aarch64",
                    "musllinux_1_1_x86_64", "musllinux_1_2_aarch64", "musllinux_1_3_x86_64", "musllinux_1_2_x86_64", "macosx_11_0_arm64", "win_amd64",
                    "manylinux2014_armv7l", "manylinux_2_5_x86_64", "manylinux_2_4_x86_64", "linux_armv7l", "manylinux2014_aarch64", "manylinux_2_16_aarch64",
                    "manylinux_2_17_i686", "manylinux_2_18_i686", "manylinux_2_12_i686.manylinux2010_i686.musllinux_1_1_i686")
    return f"{pick('numpy', 'my_pkg', 'A.b')}-{pick('1.0', '2.3.1', '1.0+cpu')}-{some(pick('1-', '2abc-'), 0.1)}{python}-{abi}-{platform}.whl"


def wheel_rows():
    sets = [supported(t) for t in TARGETS]
    for _ in range(2000):
        name = wheel()
        dist, v, build, wheel_tags = parse_wheel_filename(name)
        yield [name, dist, str(v), "".join(map(str, build)), sorted(map(str, wheel_tags)), [bool(wheel_tags & s) for s in sets]]


write("parses.jsonl", parses())
write("comparisons.jsonl", comparisons())
write("specifiers.jsonl", specifier_rows())
write("environments.jsonl", ENVIRONMENTS)
write("markers.jsonl", marker_rows())
write("requirements.jsonl", requirement_rows())
write("targets.jsonl", TARGETS)
write("wheels.jsonl", wheel_rows())
