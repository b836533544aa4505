package python

import (
	"iter"
	"strings"
)

// byName are distributions that others load by a name in a string: no import
// statement shows it, or only one in a module that is itself loaded by name.
// The first column is the loading distribution, the second what it loads if
// that is installed, from its documentation of optional dependencies. "python"
// is the standard library.
const byName = `
python	tzdata
pandas	openpyxl xlsxwriter xlrd odfpy pyxlsb python-calamine lxml html5lib beautifulsoup4 pyarrow fastparquet tables numexpr bottleneck numba jinja2 tabulate matplotlib s3fs gcsfs fsspec xarray pyreadstat zstandard sqlalchemy
polars	pyarrow fastexcel xlsxwriter deltalake connectorx adbc-driver-manager fsspec numpy pandas
dask	distributed pyarrow fastparquet pandas numpy bokeh
sqlalchemy	psycopg2 psycopg2-binary psycopg asyncpg pg8000 mysqlclient pymysql aiomysql asyncmy mysql-connector-python oracledb cx-oracle pyodbc pymssql aiosqlite duckdb-engine greenlet
django	psycopg2 psycopg2-binary psycopg pyyaml mysqlclient oracledb redis pylibmc pymemcache argon2-cffi bcrypt pillow
celery	redis librabbitmq pymemcache sqlalchemy eventlet gevent boto3 tblib
kombu	redis librabbitmq boto3 pycurl confluent-kafka
gunicorn	gevent eventlet tornado setproctitle uvicorn uvicorn-worker inotify
uvicorn	uvloop httptools websockets wsproto watchfiles python-dotenv pyyaml
starlette	python-multipart jinja2 itsdangerous httpx
fastapi	python-multipart jinja2 itsdangerous httpx orjson ujson email-validator uvicorn
flask	python-dotenv asgiref watchdog
httpx	h2 brotli brotlicffi socksio zstandard
requests	brotli brotlicffi pysocks chardet
aiohttp	aiodns brotli brotlicffi
passlib	bcrypt argon2-cffi
transformers	torch tensorflow jax flax sentencepiece accelerate tokenizers safetensors bitsandbytes peft timm protobuf
keras	tensorflow jax torch
plotly	kaleido
xarray	netcdf4 h5netcdf zarr scipy dask
fsspec	s3fs gcsfs adlfs aiohttp
psycopg	psycopg-binary psycopg-c psycopg-pool
matplotlib	pyqt5 pyqt6 pyside2 pyside6 tornado ipympl pycairo wxpython
redis	hiredis
django-storages	boto3 google-cloud-storage azure-storage-blob dropbox paramiko apache-libcloud
flask-caching	redis pymemcache pylibmc
flask-session	redis pymemcache pymongo cachelib
limits	redis pymemcache pymongo
apscheduler	sqlalchemy redis pymongo
hypercorn	uvloop trio aioquic
granian	uvloop rloop
channels	channels-redis daphne
markdown	pymdown-extensions pygments
imageio	imageio-ffmpeg pillow av tifffile
moviepy	imageio-ffmpeg
geopandas	pyogrio fiona
tortoise-orm	asyncpg aiosqlite asyncmy psycopg
databases	asyncpg aiosqlite aiomysql aiopg
peewee	psycopg2 psycopg2-binary pymysql
huggingface-hub	hf-transfer hf-xet
dramatiq	redis pika pylibmc
huey	redis
pydantic	email-validator
pydantic-settings	python-dotenv pyyaml
dynaconf	pyyaml hvac redis
structlog	rich colorama
keyring	secretstorage keyrings-alt
werkzeug	watchdog
streamlit	watchdog
dash	diskcache celery
papermill	ipykernel
nbclient	ipykernel
nbconvert	ipykernel
whitenoise	brotli
django-redis	hiredis
djangorestframework	markdown django-filter pyyaml coreapi
torch	triton numpy
cachecontrol	redis filelock
pymongo	dnspython pymongocrypt python-snappy zstandard
kafka-python	python-snappy lz4 zstandard crc32c
aiokafka	python-snappy lz4 zstandard cramjam
openai	httpx-aiohttp aiohttp
google-api-core	grpcio grpcio-status
zarr	numcodecs fsspec
sqlmodel	psycopg2 psycopg2-binary psycopg asyncpg aiosqlite
alembic	psycopg2 psycopg2-binary psycopg asyncpg pymysql
`

// LoadedByName gives distributions, and those that each loads by a name in a
// string if they are installed. "python" is the standard library.
func LoadedByName() iter.Seq2[string, []string] {
	return func(yield func(string, []string) bool) {
		for line := range strings.Lines(byName) {
			host, names, ok := strings.Cut(strings.TrimSpace(line), "\t")
			if ok && !yield(host, strings.Fields(names)) {
				return
			}
		}
	}
}
