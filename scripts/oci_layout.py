"""Write an OCI image layout from folders, one for each layer.

A folder may be the upper directory of an overlay mount: its whiteouts (a
character device 0:0) become .wh. files and its opaque directories get
.wh..wh..opq, as the image specification's layer.md says. Equal folders give
equal layers: names are sorted and times are cut at SOURCE_DATE_EPOCH.
"""

import argparse
import datetime
import gzip
import hashlib
import io
import json
import os
import stat
import tarfile

EPOCH = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
CREATED = datetime.datetime.fromtimestamp(EPOCH, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


class Hashing(io.RawIOBase):
    """A writer that counts and hashes what goes through it."""

    def __init__(self, out):
        self.out, self.sha, self.size = out, hashlib.sha256(), 0

    def writable(self):
        return True

    def write(self, data):
        self.sha.update(data)
        self.size += len(data)
        self.out.write(data)
        return len(data)

    @property
    def digest(self):
        return "sha256:" + self.sha.hexdigest()


def add(tar, root, path, links):
    """Add one path of an upper directory to the tar."""
    full = os.path.join(root, path)
    info = os.lstat(full)
    member = tar.gettarinfo(full, arcname=path)
    if member is None:  # a socket
        return
    member.uname = member.gname = ""
    member.mtime = min(int(info.st_mtime), EPOCH)
    if stat.S_ISCHR(info.st_mode) and info.st_rdev == 0:
        white = tarfile.TarInfo(os.path.join(os.path.dirname(path), ".wh." + os.path.basename(path)))
        white.mtime = EPOCH
        tar.addfile(white)
    elif member.isreg() or member.islnk():
        key = (info.st_dev, info.st_ino)
        member.type, member.linkname, member.size = tarfile.REGTYPE, "", info.st_size
        if info.st_nlink > 1 and key in links:
            member.type, member.linkname, member.size = tarfile.LNKTYPE, links[key], 0
            tar.addfile(member)
            return
        links[key] = path
        with open(full, "rb") as f:
            tar.addfile(member, f)
    else:
        tar.addfile(member)
        if member.isdir() and is_opaque(full):
            marker = tarfile.TarInfo(os.path.join(path, ".wh..wh..opq"))
            marker.mtime = EPOCH
            tar.addfile(marker)


def is_opaque(path):
    try:
        return os.getxattr(path, "trusted.overlay.opaque") == b"y"
    except OSError:
        return False


def paths(root):
    """All paths below root, parents before children, sorted."""
    found = []
    for base, dirs, files in os.walk(root):
        dirs.sort()
        rel = os.path.relpath(base, root)
        found += [os.path.normpath(os.path.join(rel, name)) for name in dirs + files]
    return sorted(found, key=lambda p: p.split("/"))


def blob(out, write):
    """Write a blob by calling write(file); return its digest and size."""
    folder = os.path.join(out, "blobs", "sha256")
    os.makedirs(folder, exist_ok=True)
    tmp = os.path.join(folder, "tmp")
    with open(tmp, "wb") as f:
        hashing = Hashing(f)
        write(hashing)
    os.rename(tmp, os.path.join(folder, hashing.sha.hexdigest()))
    return hashing.digest, hashing.size


def layer(out, root):
    """Write a layer; return its descriptor and diff ID."""
    diff = []

    def write(f):
        with gzip.GzipFile(fileobj=f, mode="wb", compresslevel=6, mtime=0, filename="") as z:
            raw = Hashing(z)
            with tarfile.open(fileobj=raw, mode="w|", format=tarfile.PAX_FORMAT) as tar:
                links = {}
                for path in paths(root):
                    add(tar, root, path, links)
            diff.append(raw.digest)

    digest, size = blob(out, write)
    return {"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest, "size": size}, diff[0]


def document(out, media_type, value):
    data = json.dumps(value, separators=(",", ":")).encode()
    digest, size = blob(out, lambda f: f.write(data))
    return {"mediaType": media_type, "digest": digest, "size": size}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--arch", required=True)
    parser.add_argument("--name", required=True, help="name and tag of the image")
    parser.add_argument("--output", required=True)
    parser.add_argument("--cmd", required=True)
    parser.add_argument("--env", action="append", default=[])
    parser.add_argument("--layer", action="append", nargs=2, metavar=("DIR", "CREATED_BY"), required=True)
    args = parser.parse_args()

    layers, diff_ids, history = [], [], []
    for root, created_by in args.layer:
        if not paths(root):
            continue
        descriptor, diff_id = layer(args.output, root)
        layers.append(descriptor)
        diff_ids.append(diff_id)
        history.append({"created": CREATED, "created_by": created_by})
    history.append({"created": CREATED, "created_by": f'CMD ["{args.cmd}"]', "empty_layer": True})
    env = args.env if any(e.startswith("PATH=") for e in args.env) else [
        "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *args.env]
    platform = {"architecture": args.arch, "os": "linux"}
    config = document(args.output, "application/vnd.oci.image.config.v1+json", {
        "created": CREATED, **platform, "config": {"Env": env, "Cmd": [args.cmd]},
        "rootfs": {"type": "layers", "diff_ids": diff_ids}, "history": history})
    manifest = document(args.output, "application/vnd.oci.image.manifest.v1+json", {
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers})
    manifest.update(platform=platform, annotations={"org.opencontainers.image.ref.name": args.name})
    for name, value in (("oci-layout", {"imageLayoutVersion": "1.0.0"}),
                        ("index.json", {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [manifest]})):
        with open(os.path.join(args.output, name), "w", encoding="utf-8") as f:
            json.dump(value, f)
    print(f"      {args.name}: {len(layers)} layers, {sum(d['size'] for d in layers) / 1e6:.1f} MB compressed, {manifest['digest']}")


if __name__ == "__main__":
    main()
