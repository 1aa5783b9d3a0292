"""One process by itself: `bin/celeriac worker`, with the options of `bin/dev` and any that follow."""

import os
import sys

from app.config import load_settings
from app.dev import address, programs


def main() -> None:
    """Become the process; options that come later win over the earlier ones."""
    name, *options = sys.argv[1:]
    host, port = address.host_and_port("bin/celeriac")
    command = [*programs.commands(load_settings(), host, port)[name], *options]
    os.execv(command[0], command)  # noqa: S606 -- the project's own command


if __name__ == "__main__":
    main()
