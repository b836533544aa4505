"""Imports each module named on standard input in a fresh process and prints its fate.

The process is forked before anything but what forking needs is imported. Fates: ok, missing NAME (ModuleNotFoundError),
name (another ImportError), other TYPE (any other exception, an exit, a signal or a timeout).
"""
import os
import signal
import sys


def child(module, out):
    signal.alarm(60)
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    try:
        __import__(module)
        fate = "ok"
    except ModuleNotFoundError as e:
        fate = f"missing {e.name}"
    except ImportError:
        fate = "name"
    except BaseException as e:
        fate = f"other {type(e).__name__}"
    os.write(out, fate.encode())
    os._exit(0)


for line in sys.stdin:
    module = line.strip()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        child(module, writing)
    os.close(writing)
    fate = b""
    while part := os.read(reading, 4096):
        fate += part
    os.close(reading)
    os.waitpid(pid, 0)
    print(module, fate.decode() or "other died", sep="\t", flush=True)
