# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "ea22a15c-b836-55c9-8fc8-fd272751e5b5",
# META       "default_lakehouse_name": "lh_silver_dev",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "ea22a15c-b836-55c9-8fc8-fd272751e5b5"
# META         },
# META         {
# META           "id": "15f0e6e7-2c7a-59ce-9274-0d20d0535ab8"
# META         },
# META         {
# META           "id": "93f3b46b-2c8c-5446-a756-dea3f5f72465"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

from enum import Enum
from functools import partial
from string import Template

env = "dev"


class Layer(Enum):
    BRONZE = f"lh_bronze_{env}"
    SILVER = f"lh_silver_{env}"
    GOLD = f"lh_gold_{env}"


def full_name(layer, table):
    return f"{layer.value}.{table.lower().strip()}"


def make_reader(layer):
    def read(table):
        return spark.read.table(full_name(layer, table))

    return read


def save(df, layer, table, mode="overwrite"):
    df.write.mode(mode).format("delta").saveAsTable(full_name(layer, table))


read_bronze = make_reader(Layer.BRONZE)
read_silver = make_reader(Layer.SILVER)
save_silver = partial(save, layer=Layer.SILVER)

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
