"""Indexes that no question needs; each cost every row that was written."""

from __future__ import annotations

from django.conf import settings
from django.db import migrations, models

from tocsin.journal.indexes import drop_index

DROPPED = {
    "incident_incident_assigned_id_4f447725": "incident_incident (assigned_id)",
    "incident_incident_service_id_5f8f64c4": "incident_incident (service_id)",
}


class Migration(migrations.Migration):
    dependencies = [
        ("incident", "0005_restricted"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.SeparateDatabaseAndState(
            [drop_index(name, on) for name, on in DROPPED.items()],
            [
                migrations.AlterField(
                    "incident",
                    "assigned",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=models.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                migrations.AlterField(
                    "incident",
                    "service",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="incidents",
                        to="catalog.service",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            "incident",
            models.Index(
                fields=["assigned"], name="incident_assigned", condition=models.Q(assigned__isnull=False)
            ),
        ),
    ]
