# Run by the interpreter from a .pth file while the site packages are set up:
# it must never raise, print, keep a file open, or leave a name behind.
def watch():
    import sys
    if not hasattr(sys, "addaudithook"):
        return
    from posix import O_APPEND, O_CLOEXEC, O_WRONLY, close, open, write

    def note(*words):
        line = "\t".join(words)
        if "\n" in line:
            return
        try:
            # Opened for each line: a file that stays open could be closed by
            # the program, and its number given to another one.
            fd = open("/run/.whittle-imports", O_WRONLY | O_APPEND | O_CLOEXEC)
            try:
                write(fd, (line + "\n").encode("utf-8", "backslashreplace"))
            finally:
                close(fd)
        except OSError:
            pass

    def hook(event, args):
        if event == "exec":
            # importlib executes a module's code in this frame, with the
            # module's names as the second argument.
            try:
                frame = sys._getframe(1)
            except ValueError:
                return  # the program itself: nothing has called it
            if frame.f_code.co_name != "_call_with_frames_removed":
                return
            given = frame.f_locals.get("args", ())
            if len(given) == 2 and type(given[1]) is dict:
                name, file = given[1].get("__name__"), given[1].get("__file__")
                if type(name) is str and name != "__main__":
                    note("module", name, file if type(file) is str else "")
        elif event == "import" and type(args[1]) is str:
            note("module", args[0], args[1])  # an extension module is loaded
        elif event == "whittle.watches":
            args[0].append(True)

    # A venv's .pth files are read twice, and a process has one hook.
    watched = []
    sys.audit("whittle.watches", watched)
    if watched:
        return
    note("python", sys.executable or "")
    sys.addaudithook(hook)


try:
    watch()
except Exception:
    pass
