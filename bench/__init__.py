"""The measurements and endurance tests of haul: `python3 -m bench` lists them."""

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
