"""Calls into libraries that are not known here: whether they may read or write tables."""

import re
import sys
from typing import Any

from fabric_assets.lineage.frames import Frame
from fabric_assets.lineage.possibilities import options_of
from fabric_assets.lineage.values import Const, Lib
from fabric_assets.lineage.words import words

# Libraries that touch no tables, or whose calls that do are known.
_KNOWN_MODULES = words("""
    pyspark delta deltalake pandas polars numpy duckdb pyarrow notebookutils mssparkutils sempy spark
    builtins requests httpx azure sklearn scipy matplotlib seaborn plotly mlflow great_expectations
    synapse synapseml yaml msal tqdm dateutil pytz openai lightgbm xgboost statsmodels IPython
    ipywidgets pydantic tenacity jinja2 faker fsspec s3fs adlfs daft pyodbc sqlalchemy com graphframes
    sqlparse geopandas shapely networkx transformers torch tensorflow prophet semantic_link
    sempy_labs joblib openpyxl xlrd xlsxwriter docx pptx dotenv bs4 lxml nltk spacy gensim whisper cv2 PIL librosa
    keras onnxruntime langchain sentence_transformers tiktoken boto3 botocore google googleapiclient gspread
    paramiko pysftp smbclient aiohttp urllib3 nest_asyncio simple_salesforce office365 msgraph O365 slack_sdk
    kafka confluent_kafka pymongo redis elasticsearch psycopg2 pymysql pymssql oracledb cx_Oracle hdbcli snowflake
    click rich colorama tabulate humanize toolz funcy more_itertools attr attrs cattrs marshmallow pandera
    ydata_profiling unidecode rapidfuzz fuzzywuzzy thefuzz pycountry holidays dateparser geopy feedparser jwt
    cryptography gnupg packaging pkg_resources structlog loguru pendulum arrow simplejson orjson ujson toml
    xmltodict jsonschema jsonpath_ng pyproj folium bokeh altair wordcloud psutil cachetools retry backoff
    fastparquet ibis
""") | frozenset(sys.stdlib_module_names)
# What functions are called that write tables whose names they are given.
WRITES = re.compile(r"(?:^|_)(?:write|save|upsert|merge|ingest|overwrite|materiali[sz]e)(?:_|[A-Z]|$)")
_WORKS = re.compile(
    r"(?:^|_)(?:load|copy|sync|process|transform|refresh|build|stage|export|publish|replicate|run|etl)(?:_|[A-Z]|$)",
)
_NO_WORK = re.compile(
    r"(?<![a-z])log|getlogger|secret|config|setting|param|notif|alert|send|mail|metric|telemetry|token|credential|version|import",
    re.IGNORECASE,
)
_TABLE = re.compile(r"[`\[]?[A-Za-z_][\w ]*[`\]]?(?:\.[`\[]?\w+[`\]]?){1,3}|.*\bTables/.+")
_NO_TABLE = re.compile(
    r"(?:spark|com|org|www|pyspark|delta)\..*|.*\.(?:\w{1,4}|ipynb|parquet|avro|excel)", re.IGNORECASE
)


def may_touch_tables(name: str, arguments: list[Any], keywords: dict[str, Any]) -> bool:
    """Whether a call of a library's function may read or write tables, and it is not known which.

    Args:
        name: dotted name of the function.
        arguments: of the call.
        keywords: of the call.
    """
    if name.partition(".")[0] in _KNOWN_MODULES:
        return False
    last = name.rpartition(".")[2]
    values = [option for value in [*arguments, *keywords.values()] for _, option in options_of(value)]
    if WRITES.search(last) or any(_is_data(value) for value in values):
        return True
    if _NO_WORK.search(last):
        return False
    texts = [value.value for value in values if isinstance(value, Const) and isinstance(value.value, str)]
    if texts and _WORKS.search(last):
        return True
    return any(_TABLE.fullmatch(text) and not _NO_TABLE.fullmatch(text) for text in texts)


def _is_data(value: Any) -> bool:
    return isinstance(value, Frame) or (isinstance(value, Lib) and value.name == "spark")
