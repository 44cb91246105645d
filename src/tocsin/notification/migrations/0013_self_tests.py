import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('notification', '0012_templates'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='SelfTestReply',
            fields=[
                ('delivery', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='+', serialize=False, to='notification.delivery')),
                ('at', models.DateTimeField()),
                ('rang', models.BooleanField(null=True)),
            ],
        ),
        migrations.AddIndex(
            model_name='page',
            index=models.Index(condition=models.Q(('kind', 'test')), fields=['user', '-created_at'], name='page_test'),
        ),
        migrations.AddIndex(
            model_name='page',
            index=models.Index(condition=models.Q(('kind', 'test'), ('quieted_at__isnull', True)), fields=['created_at'], name='page_test_running'),
        ),
    ]
