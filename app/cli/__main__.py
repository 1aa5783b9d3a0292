"""`bin/celeriac …`: the commands of `flask --app wsgi`, without those that other packages add to Flask's."""

import gc
import sys
from pathlib import Path

gc.disable()  # what is imported stays; wsgi.py lets the collector work when all is there

from app.cli import quick_health  # noqa: E402

if __name__ == "__main__" and quick_health.say(sys.argv[1:]):
    sys.exit()

from flask.cli import FlaskGroup  # noqa: E402

from app.config import PROJECT_DIR  # noqa: E402


class Commands(FlaskGroup):
    """Flask's commands and ours. Flask-Limiter's would bring tables and colours: a tenth of every start."""

    def _load_plugin_commands(self) -> None:
        self._loaded_plugin_commands = True


if __name__ == "__main__":
    arguments = ["--app", str(PROJECT_DIR / "wsgi.py"), *sys.argv[1:]]
    sys.argv = [str(Path(sys.executable).with_name("flask")), *arguments]  # what wsgi.py goes by
    Commands().main(arguments, prog_name="bin/celeriac")
