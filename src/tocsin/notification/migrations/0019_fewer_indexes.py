"""Indexes that no question needs; each cost every row that was written. Dropped by name, as altering a column would copy
the whole table on SQLite."""

from __future__ import annotations

from django.db import migrations, models

DROPPED = {
    "notification_delivery_contact_89e1eff2": "notification_delivery (contact)",
    "notification_page_place_79c4fd5f": "notification_page (place)",
}


def _drop(name: str, on: str) -> migrations.RunSQL:
    """PostgreSQL has a second one for texts, that looks for beginnings."""
    return migrations.RunSQL(
        [f"DROP INDEX IF EXISTS {name}", f"DROP INDEX IF EXISTS {name}_like"],
        f"CREATE INDEX {name} ON {on}",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("notification", "0018_again_in"),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            [_drop(name, on) for name, on in DROPPED.items()],
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
