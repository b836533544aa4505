"""Compiles texts: reads blobs with their lengths, prints a line for each: ok, or what is wrong."""
import sys
import warnings

warnings.simplefilter("ignore")
read = sys.stdin.buffer
print("%d.%d" % sys.version_info[:2], flush=True)
while head := read.readline():
    text = read.read(int(head))
    try:
        compile(text, "x", "exec", dont_inherit=True)
        print("ok")
    except RecursionError:
        print("deep")
    except (SyntaxError, ValueError, MemoryError, OverflowError) as e:
        print(getattr(e, "lineno", 0) or 0, type(e).__name__, repr(str(e)))
