"""Indexes that no question needs; each cost every row that was written."""

from __future__ import annotations

from django.db import migrations, models

from tocsin.journal.indexes import drop_index

DROPPED = {
    "notification_delivery_contact_89e1eff2": "notification_delivery (contact)",
    "notification_page_place_79c4fd5f": "notification_page (place)",
}


class Migration(migrations.Migration):
    dependencies = [
        ("notification", "0018_again_in"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            [drop_index(name, on) for name, on in DROPPED.items()],
            [
                migrations.AlterField("delivery", "contact", models.SlugField(max_length=64, db_index=False)),
                migrations.AlterField(
                    "page",
                    "place",
                    models.SlugField(blank=True, max_length=64, default="", db_default="", db_index=False),
                ),
            ],
        ),
    ]
