"""A program to be killed: a server with intake on the database that the environment names. Prints its port."""

from __future__ import annotations

import os
import threading


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tocsin.site.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from tests.intake_hot.serving import Serving

    call_command("migrate", verbosity=0)
    serving = Serving()
    serving.__enter__()
    print(serving.port, flush=True)  # noqa: T201
    threading.Event().wait()


if __name__ == "__main__":
    main()
