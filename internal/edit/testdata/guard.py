"""Says for each line of JSON whether a module is the same but for one guard.

Reads {"before", "after", "line", "message"} and writes "ok" or what is wrong,
by CPython's own parser and tokenizer.
"""

import ast
import io
import json
import sys
import tokenize


class Guard(ast.NodeTransformer):
    def __init__(self, line, message, name):
        self.line, self.message, self.name, self.count = line, message, name, 0

    def wrap(self, node):
        if node.lineno != self.line:
            return node
        self.count += 1
        error = ast.Name("ImportError", ast.Load())
        fail = ast.Raise(ast.Call(error, [ast.Constant(self.message)], []), ast.Name(self.name, ast.Load()))
        return ast.Try([node], [ast.ExceptHandler(error, self.name, [fail])], [], [])

    visit_Import = visit_ImportFrom = wrap


def comments(text):
    return [t.string for t in tokenize.generate_tokens(io.StringIO(text, newline="").readline) if t.type == tokenize.COMMENT]


def compare(case):
    old = case["before"].removeprefix("\ufeff")
    new = case["after"].removeprefix("\ufeff")
    before, after = ast.parse(old), ast.parse(new)
    tries = [n for n in ast.walk(after) if isinstance(n, ast.Try) and n.lineno == case["line"]]
    if len(tries) != 1:
        return f"there are {len(tries)} try statements in line {case['line']}"
    name = tries[0].handlers[0].name
    if name in {n.id for n in ast.walk(before) if isinstance(n, ast.Name)}:
        return f"{name} is in use"
    guard = Guard(case["line"], case["message"], name)
    if ast.dump(guard.visit(before)) != ast.dump(after) or guard.count != 1:
        return f"the module is another one: {new}"
    if comments(old) != comments(new):
        return "a comment is another one"
    return "ok"


for line in sys.stdin:
    try:
        print(compare(json.loads(line)))
    except Exception as e:
        print("error:", repr(e).replace("\n", " "))
