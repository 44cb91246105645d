"""The instance's secret: the same for every node of a database, or nothing that was signed would be believed."""

from __future__ import annotations

from tocsin.journal.models import Seal
from tocsin.journal.rules import GENESIS, seal_of
from tocsin.kernel.errors import Refused
from tocsin.site.config import Config


def check_secret(config: Config) -> None:
    """Raises Refused when the database was signed with another secret: links, sessions and keys would be dead."""
    last = list(Seal.objects.order_by("-pk")[:2])
    if not last:
        return
    heads = {chain: (int(seq), str(digest)) for chain, (seq, digest) in last[0].heads.items()}
    before = last[1].signature if len(last) > 1 else GENESIS
    if seal_of(config.seal_key, before, heads, last[0].made_at) != last[0].signature:
        raise Refused(
            "The database belongs to another secret key, or its last seal was changed",
            "the key with which its journal was signed",
            "Give every node the same TOCSIN_SECRET_KEY, or put secret.key of the backup into the data folder. "
            "If the key is right, `tocsin audit verify` says what was changed.",
        )
