from django.db import models


class Item(models.Model):
    code = models.TextField(unique=True)
    name = models.TextField()
    amount = models.DecimalField(max_digits=12, decimal_places=2)
    active = models.BooleanField()
    note = models.TextField(null=True)

    class Meta:
        app_label = "shop"
        db_table = "items"
        managed = False


class Tier(models.Model):
    code = models.TextField(primary_key=True)
    title = models.TextField()

    class Meta:
        app_label = "shop"
        db_table = "tiers"
        managed = False
