from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notification', '0011_awake'),
    ]

    operations = [
        migrations.CreateModel(
            name='Templates',
            fields=[
                ('language', models.CharField(max_length=8, primary_key=True, serialize=False)),
                ('pieces', models.JSONField(default=dict)),
            ],
            options={
                'ordering': ['language'],
            },
        ),
    ]
