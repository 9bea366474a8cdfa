"""The Java programs of benchmarks: built once, then run from their class path."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
TARGET = ROOT / "benchmarks/target"


def build():
    maven = ["mvn", "-B", "package", "-DskipTests", "-Dnative.required", "-pl", "benchmarks", "-am"]
    built = subprocess.run(maven, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if built.returncode != 0:
        raise SystemExit(f"{built.stdout}\n{' '.join(maven)} failed; its output stands above")


def class_path():
    return f"{next(TARGET.glob('dl4j-memory-benchmarks-*[T0-9].jar'))}:{(TARGET / 'classpath').read_text()}"
