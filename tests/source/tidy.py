"""A test about the source: layering, banned calls, length, stray TODOs.

Usage: tidy.py ROOT. Prints one line for each finding as file:line: what; what to do. Exit 1 when there is any.
Only files that git tracks are read.
"""

import pathlib
import re
import subprocess
import sys

# A folder may include from itself and from what stands beside it here; nothing else.
MAY_INCLUDE = {
    "base": {"tonus"},
    "sdk": {"tonus"},
    "broker": {"base", "tonus"},
    "client": {"base", "tonus"},
    "core": {"base", "tonus", "sdk", "client"},
    "plugins": {"sdk", "tonus"},
    "scenario": {"base", "tonus", "client", "broker", "core"},
    "cli": {"base", "tonus", "client", "broker", "core", "scenario", "console", "gateways"},
}

# pattern, folders it is banned in (None: everywhere outside tests), what to use instead
BANNED = [
    (r"std::to_string\((?:static_cast<)?double", None, "FormatDouble of base/text.h: to_string follows the locale"),
    (r"\bstd::rand\b|\bsrand\(|random_device", {"core", "plugins", "sdk", "broker", "scenario"},
     "a seeded generator whose seed is part of the input"),
    (r"system_clock|steady_clock|\bclock_gettime\b|\btime\(nullptr\)|gettimeofday", {"core", "plugins", "sdk"},
     "log time: the core has no clock"),
    (r"\bstd::hash\b", {"core", "plugins", "sdk", "broker"}, "Digest64 of base/digest.h: std::hash differs between builds"),
    (r"\bstd::(?:shared_)?mutex\b", {"plugins", "sdk"}, "nothing: a detector has one thread"),
    (r"\bsleep_for\b|\busleep\(|\bsleep\(", {"core", "plugins", "sdk", "broker", "client", "tests"},
     "waiting on what is awaited, with a deadline"),
    (r"setlocale|std::locale", None, "nothing: output never follows a locale"),
    (r"#include <iostream>", {"core", "plugins", "sdk", "broker", "client"}, "spdlog, or a value handed back"),
]

# file suffix of core/ that may wait on real time: the process around the engine, never the engine
CLOCK_ALLOWED = {"core/service.cc", "core/service_health.cc", "core/service_health.h"}

MAX_FILE_LINES = 600
MAX_LINE = 110


def tracked(root):
    out = subprocess.run(["git", "-C", str(root), "ls-files"], capture_output=True, text=True, check=True).stdout
    return [line for line in out.splitlines() if line.endswith((".h", ".hpp", ".cc", ".c", ".py"))]


def check_text(name, text):
    """All findings in one file, as (line, what)."""
    top = name.split("/")[0]
    findings = []
    lines = text.splitlines()
    if name.endswith(".py"):
        lines_limit = []
    else:
        lines_limit = lines
    if len(lines_limit) > MAX_FILE_LINES and top != "tests":
        findings.append((len(lines), f"the file has {len(lines)} lines; split it: {MAX_FILE_LINES} are allowed"))
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE and "http" not in line and not name.endswith(".py"):
            findings.append((number, f"the line has {len(line)} columns; clang-format it"))
        if line != line.rstrip():
            findings.append((number, "white space at the end of the line"))
        if re.search(r"\b(TODO|FIXME|XXX)\b", line) and not re.search(r"TODO\(#\d+\): \S", line):
            if not name.startswith("tests/source/"):
                findings.append((number, "write TODO(#issue): what, or nothing"))
        include = re.match(r'#include "([a-z]+)/', line)
        if include and top in MAY_INCLUDE and include.group(1) not in MAY_INCLUDE[top] | {top}:
            findings.append((number, f"{top}/ must not include {include.group(1)}/ (see the layers in ARCHITECTURE.md)"))
        if name.startswith("tests/source/"):
            continue
        code = line.split("//")[0]
        for pattern, folders, instead in BANNED:
            if name in CLOCK_ALLOWED and "clock" in pattern:
                continue
            if folders is None and top in ("tests", "bench"):
                continue
            if folders is not None and top not in folders:
                continue
            if re.search(pattern, code):
                findings.append((number, f"`{re.search(pattern, code).group(0)}` is not used here; use {instead}"))
    if name.endswith(".h") and "#pragma once" not in text and not name.startswith("sdk/"):
        findings.append((1, "a header begins with #pragma once"))
    return findings


def main():
    root = pathlib.Path(sys.argv[1])
    count = 0
    names = tracked(root)
    for name in names:
        path = root / name
        if not path.exists():
            continue
        for number, what in check_text(name, path.read_text(encoding="utf-8")):
            print(f"{name}:{number}: {what}")
            count += 1
    print(f"{len(names)} files read, {count} findings")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main())
