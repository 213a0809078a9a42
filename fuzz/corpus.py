#!/usr/bin/env python3
"""Packs and unpacks corpora: many small inputs of a target, one archive in the repository.

    corpus.py pack TARGET FOLDER     FOLDER's files, named by their contents, to corpus/TARGET.tar.xz
    corpus.py unpack TARGET FOLDER   and back, with regressions/TARGET
    corpus.py list - -               names what is in corpus/ and regressions/
    corpus.py all STAMP FOLDER       unpacks every target to FOLDER/TARGET, and writes the file STAMP

Python 3, standard library only. The bytes depend on the inputs alone.
"""

import hashlib
import io
import lzma
import shutil
import sys
import tarfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def archive(target):
    return HERE / "corpus" / f"{target}.tar.xz"


def pack(target, folder):
    inputs = {hashlib.sha256(data).hexdigest()[:16]: data for data in (p.read_bytes() for p in Path(folder).iterdir() if p.is_file())}
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        # By size, then name: like lies beside like.
        for name, data in sorted(inputs.items(), key=lambda item: (len(item[1]), item[1])):
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    archive(target).parent.mkdir(exist_ok=True)
    archive(target).write_bytes(lzma.compress(stream.getvalue(), preset=9 | lzma.PRESET_EXTREME))
    print(f"{target}: {len(inputs)} inputs, {sum(map(len, inputs.values()))} bytes, packed {archive(target).stat().st_size}")


def unpack(target, folder):
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with tarfile.open(archive(target)) as tar:
        for info in tar:
            (folder / Path(info.name).name).write_bytes(tar.extractfile(info).read())
    for path in (HERE / "regressions" / target).glob("*"):
        (folder / path.name).write_bytes(path.read_bytes())


def unpack_all(stamp, folder):
    shutil.rmtree(folder, ignore_errors=True)
    for path in sorted((HERE / "corpus").glob("*.tar.xz")):
        target = path.name.removesuffix(".tar.xz")
        unpack(target, Path(folder) / target)
    Path(stamp).write_text("")


def print_list(*_):
    for path in sorted([*(HERE / "corpus").glob("*"), *(HERE / "regressions").glob("*/*")]):
        print(path.relative_to(HERE))


def main():
    if len(sys.argv) != 4 or sys.argv[1] not in ("pack", "unpack", "list", "all"):
        sys.exit(__doc__)
    {"pack": pack, "unpack": unpack, "list": print_list, "all": unpack_all}[sys.argv[1]](*sys.argv[2:])


if __name__ == "__main__":
    main()
