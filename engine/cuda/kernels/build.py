#!/usr/bin/env python3
"""Compiles the kernels into the images that the engine embeds.

    build.py                           every operation for every architecture
    build.py rmsnorm --arch sm_90a     one operation for one of them
    build.py rmsnorm --arch sm_90a -v  and what ptxas says about it
    build.py --headers                 fetch the driver's headers for the build test

An operation is a file NAME.cu with device code only; it may include *.cuh from
this folder. Its images are images/ARCH/NAME.cubin.gz, or .ptx.gz for the
portable image. MANIFEST lists every image with its digest and the digest of
what it was made from; kernels_test.go checks both.

The compiler is NVRTC from NVIDIA's own wheels, pinned below by version and
digest, and kept in the user's cache folder. The same sources give the same
images on any machine.
"""

import argparse
import ctypes
import fcntl
import glob
import gzip
import hashlib
import os
import re
import subprocess
import sys

VERSION = "12.9.86"
COMPILER = """\
nvidia-cuda-nvrtc-cu12==12.9.86 --hash=sha256:210cf05005a447e29214e9ce50851e83fc5f4358df8b453155d5e1918094dcb4
nvidia-cuda-runtime-cu12==12.9.79 --hash=sha256:25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3
"""
PTXAS = """\
nvidia-cuda-nvcc-cu12==12.9.86 --hash=sha256:5d6a0d32fdc7ea39917c20065614ae93add6f577d840233237ff08e9a38f58f0
"""
HEADERS = {
    "12.9": "nvidia-cuda-runtime-cu12==12.9.79 --hash=sha256:25bba2dfb01d48a9b59ca474a1ac43c6ebf7011f1b0b8cc44f54eb6ac48a96c3\n",
    "13.0": "nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548\n",
}
FLAGS = ["--std=c++17"]
ARCHITECTURES = ["sm_80", "sm_86", "sm_89", "sm_90a", "compute_80"]

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "daybook", "cuda")


def fetch(name, requirements):
    """Installs the wheels into a folder of the cache, once, and returns it."""
    folder = os.path.join(CACHE, name)
    if not os.path.isdir(folder):
        os.makedirs(CACHE, exist_ok=True)
        listing = folder + ".txt"
        with open(listing, "w") as f:
            f.write(requirements)
        subprocess.run(
            [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes",
             "--target", folder + ".part", "--requirement", listing],
            check=True)
        os.rename(folder + ".part", folder)
    return folder


class Compiler:
    """NVRTC, loaded from the pinned wheel."""

    def __init__(self):
        root = fetch("nvrtc-" + VERSION, COMPILER)
        self.include = os.path.join(root, "nvidia", "cuda_runtime", "include")
        lib = os.path.join(root, "nvidia", "cuda_nvrtc", "lib")
        ctypes.CDLL(os.path.join(lib, "libnvrtc-builtins.so.12.9"), ctypes.RTLD_GLOBAL)
        self.lib = ctypes.CDLL(os.path.join(lib, "libnvrtc.so.12"))

    def check(self, code):
        if code != 0:
            self.lib.nvrtcGetErrorString.restype = ctypes.c_char_p
            raise SystemExit("nvrtc: " + self.lib.nvrtcGetErrorString(code).decode())

    def text(self, size, get, program):
        n = ctypes.c_size_t()
        self.check(size(program, ctypes.byref(n)))
        data = ctypes.create_string_buffer(n.value)
        self.check(get(program, data))
        return data.raw

    def compile(self, name, arch, flags):
        """Returns the image of NAME.cu for arch, and prints warnings."""
        with open(name + ".cu", "rb") as f:
            source = f.read()
        program = ctypes.c_void_p()
        self.check(self.lib.nvrtcCreateProgram(
            ctypes.byref(program), source, (name + ".cu").encode(), 0, None, None))
        options = flags + ["--gpu-architecture=" + arch, "-I.", "-I" + self.include]
        code = self.lib.nvrtcCompileProgram(
            program, len(options), (ctypes.c_char_p * len(options))(*[o.encode() for o in options]))
        log = self.text(self.lib.nvrtcGetProgramLogSize, self.lib.nvrtcGetProgramLog, program)
        log = log.rstrip(b"\0").decode().strip()
        if log:
            print(log, file=sys.stderr)
        self.check(code)
        if arch.startswith("sm_"):
            return self.text(self.lib.nvrtcGetCUBINSize, self.lib.nvrtcGetCUBIN, program)
        return self.text(self.lib.nvrtcGetPTXSize, self.lib.nvrtcGetPTX, program).rstrip(b"\0") + b"\0"


def resources(name, arch, compiler):
    """Prints registers, shared memory and spills of each kernel."""
    ptxas = os.path.join(fetch("ptxas-" + VERSION, PTXAS), "nvidia", "cuda_nvcc", "bin", "ptxas")
    ptx = compiler.compile(name, arch.replace("sm_", "compute_"), FLAGS)
    path = os.path.join(CACHE, name + ".ptx")
    with open(path, "wb") as f:
        f.write(ptx.rstrip(b"\0"))
    os.chmod(ptxas, 0o755)
    subprocess.run([ptxas, "-v", "-O3", "-arch=" + arch, "-o", os.devnull, path], check=True)


def sources(name):
    """Returns NAME.cu and what it includes of this folder, sorted."""
    found, todo = set(), [name + ".cu"]
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found.add(path)
        with open(path, encoding="utf-8") as f:
            todo += re.findall(r'^\s*#\s*include\s+"([^"]+)"', f.read(), re.MULTILINE)
    return sorted(found)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def inputs(name):
    """Digest of everything that decides an operation's images: the lines
    "compiler VERSION", "flags FLAGS", and "DIGEST NAME" of every source."""
    lines = ["compiler nvrtc " + VERSION, "flags " + " ".join(FLAGS)]
    for path in sources(name):
        with open(path, "rb") as f:
            lines.append(digest(f.read()) + " " + path)
    return digest("".join(line + "\n" for line in lines).encode())


def read_manifest():
    images = {}
    if os.path.exists("MANIFEST"):
        with open("MANIFEST") as f:
            for line in f:
                word = line.split()
                if word[:1] == ["image"]:
                    images[word[1]] = (word[2], word[3])
    return images


def update_manifest(change):
    """Applies change to the images listed; builds at the same time wait for each other."""
    with open(os.path.join(CACHE, "manifest.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        images = read_manifest()
        change(images)
        write_manifest(images)


def write_manifest(images):
    with open("MANIFEST.part", "w") as f:
        f.write("compiler nvrtc %s\nflags %s\n" % (VERSION, " ".join(FLAGS)))
        for name in sorted(images):
            f.write("image %s %s %s\n" % (name, *images[name]))
    os.rename("MANIFEST.part", "MANIFEST")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("operations", nargs="*", metavar="OPERATION")
    p.add_argument("--arch", action="append", choices=ARCHITECTURES, help="default: all")
    p.add_argument("--headers", action="store_true", help="only fetch the driver's headers")
    p.add_argument("-v", "--verbose", action="store_true", help="print the resources of each kernel")
    a = p.parse_args()
    if a.headers:
        for version, requirements in HEADERS.items():
            print(fetch("headers-" + version, requirements))
        return
    os.chdir(HERE)
    every = sorted(f[:-3] for f in glob.glob("*.cu"))
    unknown = set(a.operations) - set(every)
    if unknown:
        raise SystemExit("no such operation: " + ", ".join(sorted(unknown)))
    compiler = Compiler()
    for name in a.operations or every:
        made_from = inputs(name)
        for arch in a.arch or ARCHITECTURES:
            if a.verbose and arch.startswith("sm_"):
                resources(name, arch, compiler)
            image = compiler.compile(name, arch, FLAGS)
            file = "%s/%s.%s" % (arch, name, "cubin" if arch.startswith("sm_") else "ptx")
            path = os.path.join("images", file + ".gz")
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(gzip.compress(image, 9, mtime=0))
            update_manifest(lambda images: images.update({file: (digest(image), made_from)}))
            print("%s: %d bytes" % (file, len(image)))
    if not a.operations:
        for file in read_manifest():
            if os.path.basename(file).rsplit(".", 1)[0] not in every:
                os.remove(os.path.join("images", file + ".gz"))
                update_manifest(lambda images: images.pop(file))


if __name__ == "__main__":
    main()
