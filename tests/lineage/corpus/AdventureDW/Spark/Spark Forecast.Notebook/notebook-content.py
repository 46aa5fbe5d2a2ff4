# Fabric notebook source

# METADATA ********************

# META {
# META   "kernel_info": {
# META     "name": "synapse_pyspark"
# META   },
# META   "dependencies": {
# META     "lakehouse": {
# META       "default_lakehouse": "91e2e10d-9a75-5496-8622-318e60f8f511",
# META       "default_lakehouse_name": "staging",
# META       "default_lakehouse_workspace_id": "",
# META       "known_lakehouses": [
# META         {
# META           "id": "91e2e10d-9a75-5496-8622-318e60f8f511"
# META         }
# META       ]
# META     }
# META   }
# META }

# CELL ********************

import com.microsoft.spark.fabric
from com.microsoft.spark.fabric.Constants import Constants

sales = spark.read.synapsesql("dw.dbo.FactSales").groupBy("OrderDate").sum("Amount")
pdf = sales.toPandas()

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }

# CELL ********************

from statsmodels.tsa.holtwinters import ExponentialSmoothing

model = ExponentialSmoothing(pdf["sum(Amount)"], trend="add", seasonal="add", seasonal_periods=7).fit()
forecast = model.forecast(28).reset_index()
spark.createDataFrame(forecast).write.mode("overwrite").saveAsTable("sales_forecast")

# METADATA ********************

# META {
# META   "language": "python",
# META   "language_group": "synapse_pyspark"
# META }
