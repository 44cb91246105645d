import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('catalog', '0004_expectations'),
        ('telling', '0002_starts'),
    ]

    operations = [
        migrations.CreateModel(
            name='ServiceGapTold',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('why', models.CharField(max_length=500)),
                ('days', models.PositiveSmallIntegerField()),
                ('told_at', models.DateTimeField()),
                ('service', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='catalog.service')),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('service', 'why'), name='service_gap_once')],
            },
        ),
    ]
