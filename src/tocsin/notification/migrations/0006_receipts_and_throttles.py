from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notification', '0005_providers_and_places'),
    ]

    operations = [
        migrations.AddField(
            model_name='delivery',
            name='counted_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='delivery',
            name='held_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='delivery',
            name='receipt_by',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddField(
            model_name='delivery',
            name='told_with',
            field=models.UUIDField(null=True),
        ),
        migrations.AddField(
            model_name='delivery',
            name='unconfirmed_at',
            field=models.DateTimeField(null=True),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('receipt_by__isnull', False), ('state', 'sent'), ('unconfirmed_at__isnull', True)), fields=['receipt_by'], name='delivery_receipt_due'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('receipt_by__isnull', False)), fields=['reference'], name='delivery_reference'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('counted_at__isnull', False)), fields=['address', 'counted_at'], name='delivery_counted'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('held_at__isnull', False), ('state', 'due')), fields=['address'], name='delivery_held'),
        ),
        migrations.AddIndex(
            model_name='delivery',
            index=models.Index(condition=models.Q(('told_with__isnull', False)), fields=['told_with'], name='delivery_told_with'),
        ),
    ]
