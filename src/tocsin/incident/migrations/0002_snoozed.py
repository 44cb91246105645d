from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('incident', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='incident',
            name='snoozed',
            field=models.BooleanField(db_default=False, default=False),
        ),
    ]
