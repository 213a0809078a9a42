"""Installed use: an empty prefix, pkg-config, a small program linked shared and static; each public header by itself in C and C++; the shared
library exports what the public headers declare and nothing else.

Needs SLM_BUILD, the meson build folder (meson passes it).
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness

BUILD = os.environ.get("SLM_BUILD")
CC = os.environ.get("CC", "cc").split()
CXX = os.environ.get("CXX", "c++").split()
WARNINGS = ["-Wall", "-Wextra", "-Werror", "-pedantic"]

PROGRAM = r"""
#include <slm/slm.h>
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    slm_reader *reader;
    slm_error error;
    if (strcmp(slm_release(), SLM_RELEASE) != 0 || argc != 2)
        return 2;
    if (slm_reader_open_file(&reader, argv[1], NULL, &error) != SLM_OK) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    const slm_tensor *tensor = slm_reader_tensor(reader, 0);
    float first[16];
    if (slm_reader_decode(reader, 0, 0, 16, SLM_F32, first, &error) != SLM_OK)
        return 1;
    printf("%s %u\n", tensor->name, (unsigned)tensor->elements);
    slm_reader_close(reader);
    return 0;
}
"""


@unittest.skipIf(BUILD is None, "SLM_BUILD names no build folder")
class Installed(harness.Case):
    @classmethod
    def setUpClass(cls):
        cls.destination = tempfile.mkdtemp(prefix="slm-install-")
        cls.addClassCleanup(shutil.rmtree, cls.destination, ignore_errors=True)
        meson = shutil.which("meson")
        command = [meson] if meson else [sys.executable, "-m", "mesonbuild.mesonmain"]
        subprocess.run(command + ["install", "-C", BUILD, "--no-rebuild", "--destdir", cls.destination], check=True,
                       stdout=subprocess.DEVNULL)
        [cls.pc] = [os.path.join(at, "slm.pc") for at, _, names in os.walk(cls.destination) if "slm.pc" in names]
        prefix = re.search(r"(?m)^prefix=(.*)$", harness.read_file(cls.pc).decode()).group(1)
        cls.prefix = cls.destination + prefix

    def pkg_config(self, *args):
        env = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(self.pc), PKG_CONFIG_SYSROOT_DIR="")
        p = subprocess.run(["pkg-config", "--define-variable=prefix=" + self.prefix, *args, "slm"], env=env, check=True,
                           stdout=subprocess.PIPE)
        return p.stdout.decode().split()

    def sanitizers(self):
        """The flags that the libraries were built with and a program that uses them needs."""
        import json
        options = json.loads(subprocess.run([shutil.which("meson") or "meson", "introspect", BUILD, "--buildoptions"], check=True,
                                            stdout=subprocess.PIPE).stdout)
        value = [o["value"] for o in options if o["name"] == "b_sanitize"]
        return ["-fsanitize=" + value[0]] if value and value[0] != "none" else []

    def lib_folder(self):
        return next(f[2:] for f in self.pkg_config("--libs") if f.startswith("-L"))

    def public_headers(self):
        folder = os.path.join(self.prefix, "include", "slm")
        return folder, sorted(os.listdir(folder))

    def test_what_is_installed(self):
        for path in ("bin/slm", "bin/slm-conform", "share/man/man1/slm.1", "share/man/man1/slm-conform.1", "include/slm/slm.h",
                     "share/slm/conformance/manifest.json"):
            self.assertTrue(os.path.exists(os.path.join(self.prefix, path)), path)
        source = os.path.join(harness.SOURCE, "libslm", "include", "slm")
        self.assertEqual(self.public_headers()[1], sorted(os.listdir(source)))

    def test_the_installed_suite(self):
        command = [os.path.join(self.prefix, "bin", "slm-conform"), "--suite", os.path.join(self.prefix, "share", "slm", "conformance"), "--id",
                   "named-slm-4", "--decoder", harness.SLM + " decode -q --bytes --dtype {dtype} -o {output} {input}"]
        p = subprocess.run(command, stdout=subprocess.PIPE, check=True)
        self.assertEqual(p.stdout, b"3 of 3 passed\n")

    def test_a_program(self):
        harness.write_safetensors(self.path("in.safetensors"), [harness.Tensor("w", "F32", [64, 64], harness.f32(harness.weights(4096)))])
        self.slm("encode", "-q", *harness.QUICK, "-o", "x.slm", "in.safetensors", stderr="")
        with open(self.path("use.c"), "w") as f:
            f.write(PROGRAM)
        flags = WARNINGS + ["-std=c11"] + self.sanitizers()
        static = [f if f != "-lslm" else "-l:libslm.a" for f in self.pkg_config("--static", "--libs")]
        for name, libs, env in (("shared", self.pkg_config("--libs"), {"LD_LIBRARY_PATH": self.lib_folder()}), ("static", static, {})):
            with self.subTest(name):
                program = self.path(name)
                subprocess.run(CC + flags + self.pkg_config("--cflags") + ["-o", program, self.path("use.c")] + libs, check=True)
                p = subprocess.run([program, self.path("x.slm")], env=dict(os.environ, **env), stdout=subprocess.PIPE)
                self.assertEqual((p.returncode, p.stdout), (0, b"w 4096\n"))

    def test_headers_alone(self):
        folder, headers = self.public_headers()
        for header in headers:
            for compiler, language, standard in ((CC, "c", "c11"), (CXX, "c++", "c++11")):
                with self.subTest(header=header, language=language):
                    source = self.path("alone." + ("c" if language == "c" else "cpp"))
                    # Twice: the guard works. A declaration of its own: an empty translation unit is pedantically wrong.
                    with open(source, "w") as f:
                        f.write("#include <slm/%s>\n#include <slm/%s>\nint here;\n" % (header, header))
                    subprocess.run(compiler + WARNINGS + ["-std=" + standard, "-x", language, "-I" + os.path.dirname(folder), "-c", "-o",
                                                          self.path("alone.o"), source], check=True)

    def test_exported_symbols(self):
        folder, headers = self.public_headers()
        declared = set()
        for header in headers:
            text = re.sub(r"/\*.*?\*/", " ", harness.read_file(os.path.join(folder, header)).decode(), flags=re.S)
            declared |= set(re.findall(r"SLM_API\b[^;{]*?\b(slm_\w+)\s*\(", text))
        self.assertIn("slm_decode_run", declared)
        library = os.path.join(self.lib_folder(), "libslm.so")
        out = subprocess.run(["nm", "-D", "--defined-only", library], check=True, stdout=subprocess.PIPE).stdout.decode()
        exported = {line.split()[-1].split("@")[0] for line in out.splitlines()}
        exported = {s for s in exported if not re.match(r"_init$|_fini$|_edata$|_end$|__bss_start$|__asan|__odr_asan|__lsan|__ubsan|__sanitizer", s)}
        self.assertEqual(exported - declared, set(), "exported and not declared")
        self.assertEqual(declared - exported, set(), "declared and not exported")


if __name__ == "__main__":
    harness.main()
