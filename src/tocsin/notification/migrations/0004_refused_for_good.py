from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notification', '0003_act_verbs'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='for_good',
            field=models.BooleanField(null=True),
        ),
    ]
