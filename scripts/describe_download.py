"""Reads pip's installation report on standard input and prints "VERSION FLAVOUR BYTES SOURCE".

VERSION and FLAVOUR ("cpu" or "cuda") are those of torch; BYTES is the size of all files together; SOURCE is "disk" when all of
them lie on this machine, else "network".
"""

import json
import os
import sys
import urllib.parse
import urllib.request


def size_of(url):
    parts = urllib.parse.urlparse(url)
    if parts.scheme == "file":
        return os.path.getsize(urllib.parse.unquote(parts.path))
    request = urllib.request.Request(url, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.headers.get("Content-Length") or 0)
    except OSError:
        return 0


def main():
    packages = json.load(sys.stdin)["install"]
    version, needs_cuda, size, source = "", False, 0, "disk"
    for package in packages:
        name = package["metadata"]["name"].lower()
        url = package["download_info"]["url"]
        size += size_of(url)
        if not url.startswith("file:"):
            source = "network"
        if name == "torch":
            version = package["metadata"]["version"]
            requirements = package["metadata"].get("requires_dist", [])
            needs_cuda = any(entry.startswith(("nvidia-", "cuda-")) for entry in requirements)
    flavour = "cuda" if needs_cuda and not version.endswith("+cpu") else "cpu"
    print(version, flavour, size, source)


if __name__ == "__main__":
    main()
