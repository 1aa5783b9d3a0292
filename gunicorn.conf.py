"""What plain `gunicorn wsgi:app` reads in this folder: how gunicorn serves the pages.

It is loaded from its file, so that the process that only starts others imports nothing of the app.
"""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

_spec = spec_from_file_location("celeriac_gunicorn", Path(__file__).parent / "app/web/gunicorn.py")
_module = module_from_spec(_spec)
_spec.loader.exec_module(_module)
globals().update({name: value for name, value in vars(_module).items() if not name.startswith("_")})
