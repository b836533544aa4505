"""Prints what CPython's own parser says of the imports of files: one JSON object a line.

Contexts: l lazy, t TYPE_CHECKING, g guarded, h handler, d dynamic, ? behind what may leave the block, so
that it may be guarded too; conditional: under a test.
"""
import ast
import json
import sys
import tokenize

CATCH = {"ImportError", "ModuleNotFoundError", "Exception", "BaseException"}


def last(node):
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def catches(kind):
    if kind is None:
        return True
    if isinstance(kind, ast.Tuple):
        return any(catches(k) for k in kind.elts)
    return last(kind) in CATCH


def ends(body):
    if not body:
        return False
    node = body[-1]
    if isinstance(node, ast.Raise):
        return True
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        f = node.value.func
        if isinstance(f, ast.Attribute) and isinstance(f.value, ast.Name):
            return (f.value.id, f.attr) in {("sys", "exit"), ("os", "_exit")}
        return isinstance(f, ast.Name) and f.id in {"exit", "quit"}
    if isinstance(node, ast.If):
        return ends(node.body) and ends(node.orelse)
    if isinstance(node, (ast.With, ast.AsyncWith)):
        return ends(node.body)
    return False


def skips(body):
    return isinstance(body[-1], ast.Raise) and body[-1].exc is not None and any(
        isinstance(n, (ast.Name, ast.Attribute)) and (n.id if isinstance(n, ast.Name) else n.attr).lower().startswith("skip") for n in ast.walk(body[-1]))


def leaves(node):
    """Says that a statement may leave its block where something is not there."""
    return isinstance(node, (ast.If, ast.Try, ast.With)) and any(isinstance(n, (ast.Return, ast.Raise, ast.Continue, ast.Break, ast.Call)) for n in ast.walk(node)) \
        or any(isinstance(n, ast.Call) and last(n.func) == "importorskip" for n in ast.walk(node))


class Visitor(ast.NodeVisitor):
    def __init__(self):
        self.out, self.flags, self.conditional, self.aliases = [], set(), 0, {"TYPE_CHECKING"}

    def add(self, line, module, level, names):
        self.out.append([line, module, level, names, "".join(sorted(self.flags)), self.conditional > 0])

    def visit_Import(self, node):
        for a in node.names:
            self.add(node.lineno, a.name, 0, None)

    def visit_ImportFrom(self, node):
        for a in node.names:
            if a.name == "TYPE_CHECKING" and a.asname:
                self.aliases.add(a.asname)
        self.add(node.lineno, node.module or "", node.level, [a.name for a in node.names])

    def block(self, body, flags=(), drop=(), conditional=False):
        saved = self.flags
        self.flags = (self.flags | set(flags)) - set(drop)
        self.conditional += conditional
        for n in body:
            self.visit(n)
            if leaves(n):
                self.flags = self.flags | {"?"}
        self.conditional -= conditional
        self.flags = saved

    def function(self, node):
        self.block(node.body, "l", "g")

    visit_FunctionDef = visit_AsyncFunctionDef = function

    def checking(self, test):
        if isinstance(test, ast.UnaryOp) and isinstance(test.op, ast.Not):
            inner = self.checking(test.operand)
            return {"yes": "no", "no": "yes"}.get(inner, "")
        if isinstance(test, ast.Name) and test.id in self.aliases or isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING":
            return "yes"
        return ""

    def visit_If(self, node):
        kind = self.checking(node.test)
        if kind:
            self.block(node.body, "t" if kind == "yes" else "")
            self.block(node.orelse, "t" if kind == "no" else "")
        else:
            self.block(node.body, conditional=True)
            self.block(node.orelse, conditional=True)

    def visit_While(self, node):
        self.block(node.body, conditional=True)
        self.block(node.orelse)

    def visit_Match(self, node):
        for case in node.cases:
            self.block(case.body, conditional=True)

    def visit_Try(self, node):
        guards = any(catches(h.type) and not (ends(h.body) and not (skips(h.body) and "l" in self.flags)) for h in node.handlers)
        self.block(node.body, "g" if guards else "")
        for h in node.handlers:
            self.block(h.body, "h" if catches(h.type) else "", conditional=not catches(h.type))
        self.block(node.orelse, conditional=guards)
        self.block(node.finalbody)

    visit_TryStar = visit_Try

    def visit_With(self, node):
        suppress = any(isinstance(i.context_expr, ast.Call) and last(i.context_expr.func) == "suppress" and any(catches(a) for a in i.context_expr.args)
                       for i in node.items)
        self.block(node.body, "g" if suppress else "")

    visit_AsyncWith = visit_With


def names(tree):
    found = set()

    def targets(node):
        for n in ast.walk(node):
            if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store):
                found.add(n.id)

    def walk(body):
        for n in body:
            if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                found.add(n.name)
                continue
            if isinstance(n, (ast.Import, ast.ImportFrom)):
                found.update((a.asname or a.name.split(".")[0]) for a in n.names if a.name != "*")
                continue
            for field in ("body", "orelse", "finalbody"):
                walk(getattr(n, field, []) if isinstance(getattr(n, field, []), list) else [])
            for h in getattr(n, "handlers", []):
                if h.name:
                    found.add(h.name)
                walk(h.body)
            for t in getattr(n, "targets", []):
                if not isinstance(n, ast.Delete):
                    targets(t)
            if isinstance(n, (ast.For, ast.AsyncFor, ast.AugAssign, ast.AnnAssign)):
                targets(n.target)
            for item in getattr(n, "items", []):
                if item.optional_vars:
                    targets(item.optional_vars)
    walk(tree.body)
    return sorted(found)


for path in sys.stdin.read().splitlines():
    try:
        with tokenize.open(path) as f:
            source = f.read()
        with open(path, "rb") as f:
            tree = ast.parse(f.read())
    except (SyntaxError, UnicodeDecodeError, ValueError):
        continue
    v = Visitor()
    v.block(tree.body)
    print(json.dumps({"path": path, "imports": v.out, "names": names(tree)}))
