from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('incident', '0002_snoozed'),
    ]

    operations = [
        migrations.AddField(
            model_name='incident',
            name='update_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(
                condition=models.Q(('update_at__isnull', False)),
                fields=['update_at'],
                name='incident_update_due',
            ),
        ),
    ]
