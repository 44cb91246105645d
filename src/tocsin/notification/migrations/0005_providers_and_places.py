from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notification', '0004_refused_for_good'),
    ]

    operations = [
        migrations.CreateModel(
            name='Place',
            fields=[
                ('id', models.SlugField(max_length=64, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=120)),
                ('address', models.CharField(max_length=500)),
            ],
            options={
                'ordering': ['id'],
            },
        ),
        migrations.CreateModel(
            name='Provider',
            fields=[
                ('id', models.SlugField(max_length=64, primary_key=True, serialize=False)),
                ('vendor', models.SlugField(max_length=32)),
                ('name', models.CharField(max_length=120)),
                ('position', models.PositiveSmallIntegerField(default=1)),
                ('enabled', models.BooleanField(default=True)),
                ('settings', models.JSONField(default=dict)),
                ('secrets_sealed', models.JSONField(default=dict)),
                ('changed_at', models.DateTimeField()),
            ],
            options={
                'ordering': ['position', 'id'],
            },
        ),
        migrations.AddField(
            model_name='attempt',
            name='provider',
            field=models.CharField(blank=True, db_default='', default='', max_length=64),
        ),
        migrations.AddIndex(
            model_name='attempt',
            index=models.Index(condition=models.Q(('provider', ''), _negated=True), fields=['provider', '-at'], name='attempt_by_provider'),
        ),
    ]
