"""A Spark session on loopback, for the scripts that use one; it is not part of what is timed."""

import argparse
import os
import sys
import time
from pathlib import Path

os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
os.environ["PYSPARK_PYTHON"] = sys.executable


def session(about):
    """Returns the arguments, and a session."""
    from pyspark.sql import SparkSession

    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("listing", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--master", default="local[2]")
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    made = SparkSession.builder.master(options.master).config("spark.ui.enabled", "false")
    for name in ("host", "bindAddress"):
        made = made.config(f"spark.driver.{name}", "127.0.0.1")
    started = made.getOrCreate()
    started.sparkContext.setLogLevel("ERROR")
    return options, started


def timed(work):
    """Runs `work`, and prints the seconds that it took."""
    since = time.monotonic()
    work()
    print(f"seconds: {time.monotonic() - since:.3f}")
