package rule

import (
	"testing"

	"whittle.dev/whittle"
)

var uvicornDists = []string{"uvicorn eag click uvloop;extra=='standard' httptools;extra=='standard' websockets;extra=='standard' watchfiles;extra=='standard'",
	"click eag", "uvloop opt", "httptools opt", "websockets opt", "watchfiles opt anyio", "anyio unu", "app eag uvicorn[standard]"}

var extraCases = []toolCase{
	{name: "what only makes it faster", files: []string{"pyproject.toml: [project]|name = \"app\"|version = \"1\"|dependencies = [\"uvicorn[standard]>=0.30\"]", "uv.lock: version = 1"}, dists: uvicornDists, dockerfile: "FROM a\nRUN uv sync\n",
		want: "-dependencies = [\"uvicorn[standard]>=0.30\"]\n+dependencies = [\"uvicorn>=0.30\"]", again: "uv.lock", bytes: 5, risk: whittle.RiskMedium},
	{name: "the application has WebSockets", files: []string{"pyproject.toml: [project]|name = \"app\"|version = \"1\"|dependencies = [|  \"uvicorn[standard]>=0.30\", # serves|]", "app.py: @app.websocket('/x')|def f(): pass"}, dists: uvicornDists, dockerfile: "FROM a\nRUN pip install .\n",
		want: "-  \"uvicorn[standard]>=0.30\", # serves\n+  \"uvicorn>=0.30\", # serves\n+  \"websockets\",", bytes: 4, risk: whittle.RiskMedium},
	{name: "the command names the loop", files: []string{"requirements.txt: uvicorn[standard]"}, dists: uvicornDists[:7], cmd: []string{"uvicorn", "--loop", "uvloop", "app:app"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n",
		want: "-uvicorn[standard]\n+uvicorn\n+uvloop", bytes: 4, risk: whittle.RiskMedium},
	{name: "an environment file", files: []string{"requirements.txt: uvicorn[standard]==0.30"}, cmd: []string{"uvicorn", "--env-file", ".env"}, dists: []string{"uvicorn eag python-dotenv;extra=='standard' uvloop;extra=='standard'", "python-dotenv opt", "uvloop opt"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n",
		want: "-uvicorn[standard]==0.30\n+uvicorn==0.30\n+python-dotenv", bytes: 1, risk: whittle.RiskMedium},
	{name: "poetry", files: []string{"pyproject.toml: [tool.poetry]|name = \"app\"||[tool.poetry.dependencies]|python = \"^3.13\"|uvicorn = {extras = [\"standard\"], version = \"^0.30\"}", "poetry.lock: "}, dists: uvicornDists, dockerfile: "FROM a\nRUN poetry install --only main\n",
		want: "-uvicorn = {extras = [\"standard\"], version = \"^0.30\"}\n+uvicorn = \"^0.30\"", again: "poetry.lock", risk: whittle.RiskMedium},
	{name: "a broker that the environment names", files: []string{"requirements.txt: celery[redis]"}, dists: []string{"celery eag redis;extra=='redis'", "redis opt"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "a driver", files: []string{"requirements.txt: sqlalchemy[asyncio,postgresql]"}, dists: []string{"sqlalchemy eag psycopg2;extra=='postgresql' greenlet;extra=='asyncio'", "psycopg2 opt", "greenlet opt"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "what nothing imports", files: []string{"requirements.txt: ray[default,serve]==2.0"}, dists: []string{"ray eag aiohttp;extra=='default' grpcio;extra=='serve'", "aiohttp unu", "grpcio eag"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n",
		want: "-ray[default,serve]==2.0\n+ray[serve]==2.0", bytes: 1},
	{name: "what a library imports if it is there", files: []string{"requirements.txt: ray[default]"}, dists: []string{"ray eag aiohttp;extra=='default'", "aiohttp opt"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "what another one needs, too", files: []string{"requirements.txt: ray[default]|x"}, dists: []string{"ray eag aiohttp;extra=='default'", "aiohttp unu", "x eag aiohttp"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "another one asks for the extra", files: []string{"requirements.txt: ray[default]|x"}, dists: []string{"ray eag aiohttp;extra=='default'", "aiohttp unu", "x eag ray[default]"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "the application names it", files: []string{"requirements.txt: ray[default]", "app.py: import_module('aiohttp')"}, dists: []string{"ray eag aiohttp;extra=='default'", "aiohttp unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "the project imports it", files: []string{"requirements.txt: ray[default]", "jobs.py: import aiohttp"}, dists: []string{"ray eag aiohttp;extra=='default'", "aiohttp unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "a part is used", files: []string{"pyproject.toml: [project]|name = \"app\"|version = \"1\"|dependencies = [\"fastapi[standard]\"]"}, dockerfile: "FROM a\nRUN pip install .\n", dists: []string{"fastapi eag uvicorn[standard]>=0.12;extra=='standard' fastapi-cli;extra=='standard' email-validator;extra=='standard'",
		"uvicorn eag uvloop;extra=='standard'", "uvloop opt", "fastapi-cli unu typer", "typer unu", "email-validator opt", "app eag fastapi[standard]"},
		want: "-dependencies = [\"fastapi[standard]\"]\n+dependencies = [\"fastapi\", \"uvicorn[standard]>=0.12\"]", bytes: 3, risk: whittle.RiskMedium},
	{name: "compiled requirements", files: []string{"requirements.in: ray[default]>=2 # jobs", "requirements.txt: # This file is autogenerated by pip-compile|# pip-compile requirements.in|aiohttp==3|    # via ray|ray[default]==2.0"}, dists: []string{"ray eag aiohttp;extra=='default'", "aiohttp unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "-ray[default]>=2 # jobs\n+ray>=2 # jobs", again: "requirements.txt", bytes: 1},
	{name: "compiled with the extras", files: []string{"requirements.in: ray[default]>=2 # jobs", "requirements.txt: # This file is autogenerated by pip-compile|# pip-compile requirements.in|ray[default]==2.0"}, dists: []string{"ray eag aiohttp;extra=='default'", "aiohttp unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n",
		want: "-ray[default]>=2 # jobs\n+ray>=2 # jobs", again: "requirements.txt"},
	{name: "hashes", files: []string{"requirements.txt: ray[default]==2 --hash=sha256:00"}, dists: []string{"ray eag aiohttp;extra=='default'", "aiohttp unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "no fix"},
	{name: "an extra that the metadata does not know", files: []string{"requirements.txt: ray[nothing]"}, dists: []string{"ray eag", "aiohttp unu"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "nothing is followed", files: []string{"requirements.txt: ray[default]"}, dists: []string{"ray unk aiohttp;extra=='default'", "aiohttp unk"}, dockerfile: "FROM a\nRUN pip install -r requirements.txt\n", want: "silent"},
	{name: "the release from the index", files: []string{"pyproject.toml: [project]|name = \"svc\"|version = \"1\"|dependencies = [\"ray[default]\"]"}, dists: []string{"svc eag ray[default]", "ray eag aiohttp;extra=='default'", "aiohttp unu"}, dockerfile: "FROM a\nRUN pip install svc\n", want: "no fix"},
}

// TestUnusedExtras: an extra goes if nothing uses what it brings.
func TestUnusedExtras(t *testing.T) {
	for _, c := range extraCases {
		t.Run(c.name, func(t *testing.T) { c.try(t, "unused-extra") })
	}
}
