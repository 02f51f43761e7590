# SPDX-License-Identifier: Apache-2.0
"""Writes the index of the built-in parts, after a change of one.

python -m glf_tf.catalogue            writes glf_tf/catalogue/index.json
python -m glf_tf.catalogue --check ends with status 1 if it must be updated
"""

import sys

from glf_tf import files
from glf_tf.catalogue import index


def main(arguments: list[str]) -> int:
    """Writes or checks the index; returns the exit status."""
    if arguments == ["--check"]:
        if not index.is_fresh():
            print("A part was changed: run python -m glf_tf.catalogue", file=sys.stderr)
        return int(not index.is_fresh())
    if arguments:
        print(__doc__, file=sys.stderr)
        return 2
    files.write(index.FILE, index.text_of(index.made()))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
