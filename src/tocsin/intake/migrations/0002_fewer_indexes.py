"""Indexes that no question needs; each cost every row that was written."""

from __future__ import annotations

from django.db import migrations, models

from tocsin.journal.indexes import drop_index

DROPPED = {
    "intake_inbox_integration_id_3f1c87c2": "intake_inbox (integration_id)",
    "intake_remembered_integration_id_592c37e6": "intake_remembered (integration_id)",
    "intake_tally_integration_id_e7dc98bc": "intake_tally (integration_id)",
}


class Migration(migrations.Migration):
    dependencies = [
        ("intake", "0001_initial"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            [drop_index(name, on) for name, on in DROPPED.items()],
            [
                migrations.AlterField(
                    "inbox", "integration_id", models.SlugField(max_length=64, db_index=False)
                ),
                migrations.AlterField(
                    "remembered", "integration_id", models.SlugField(max_length=64, db_index=False)
                ),
                migrations.AlterField(
                    "tally", "integration_id", models.SlugField(max_length=64, db_index=False)
                ),
            ],
        ),
    ]
