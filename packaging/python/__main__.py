"""python -m whittle: the program that this package brings, with its arguments."""

import os
import subprocess
import sys
import sysconfig
from importlib import metadata
from pathlib import Path

DISTRIBUTION = "whittle-image"


def program():
    """The path of the program."""
    name = "whittle" + (sysconfig.get_config_var("EXE") or "")
    places = []
    try:
        # What the installer has written down says where the program went.
        for file in metadata.files(DISTRIBUTION) or []:
            if file.name == name and file.parent.name in ("bin", "Scripts"):
                places.append(Path(file.locate()))
    except metadata.PackageNotFoundError:
        pass
    # `pip install --target` moves it afterwards, to the folder beside this one.
    places.append(Path(__file__).resolve().parent.parent / "bin" / name)
    places.append(Path(sysconfig.get_path("scripts")) / name)
    for place in places:
        if place.is_file():
            return os.path.normpath(place)
    tried = ", ".join(os.path.normpath(place) for place in places)
    raise SystemExit(f"whittle: looking for the program that {DISTRIBUTION} installs: it is not at {tried}; install {DISTRIBUTION} again")


def main():
    """Become the program; on Windows, where that is not possible, wait for it."""
    path = program()
    if os.name != "nt":
        os.execv(path, [path, *sys.argv[1:]])
    try:
        raise SystemExit(subprocess.run([path, *sys.argv[1:]], check=False).returncode)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
