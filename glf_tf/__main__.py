# SPDX-License-Identifier: Apache-2.0
"""`python -m glf_tf`, the same as the command `glf-tf`."""

from glf_tf.cli import command

if __name__ == "__main__":
    command.main()
