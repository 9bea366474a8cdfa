"""The machine that figures were taken on, as lines for a page."""

import os
import pathlib
import platform
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent


def output(*command):
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()


def machine():
    processor = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())[1]
    flags = [flag for flag in ("avx2", "fma", "avx512f") if flag in pathlib.Path("/proc/cpuinfo").read_text()]
    memory = int(re.search(r"MemTotal: *(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) / 2**20
    pages = pathlib.Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text().strip()
    java = subprocess.run(["java", "-version"], capture_output=True, text=True, check=True).stderr.splitlines()[1]
    return [
        f"processor: {processor}, {os.cpu_count()} cores seen, {', '.join(flags)}",
        f"memory: {memory:.0f} GB, transparent huge pages: {pages}",
        f"system: {platform.system()} {platform.machine()}, {platform.freedesktop_os_release()['PRETTY_NAME']}",
        f"Java: {java}",
        f"C++: {output('g++', '--version').splitlines()[0]}",
        f"commit: {output('git', 'rev-parse', '--short', 'HEAD')}"
        + (" with changes not committed" if output("git", "status", "--porcelain", "--untracked-files=no") else ""),
    ]
