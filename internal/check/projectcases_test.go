package check_test

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"whittle.dev/whittle"
	"whittle.dev/whittle/internal/check"
	"whittle.dev/whittle/internal/deps"
	"whittle.dev/whittle/internal/pep"
	"whittle.dev/whittle/internal/python/source"
)

// folder is a project's folder of the notation of txtar. "deps: a b" stands for
// a pyproject.toml that declares them.
func folder(text string) fs.FS {
	files := fstest.MapFS{}
	for _, f := range txtar.Parse([]byte(text)).Files {
		files[f.Name] = &fstest.MapFile{Data: f.Data}
		if deps, ok := strings.CutPrefix(f.Name, "deps:"); ok {
			delete(files, f.Name)
			var list []string
			for _, d := range strings.Fields(deps) {
				list = append(list, fmt.Sprintf("%q", d))
			}
			files["pyproject.toml"] = &fstest.MapFile{Data: []byte("[project]\nname = \"shop\"\nversion = \"1\"\ndependencies = [" + strings.Join(list, ", ") + "]\n" + string(f.Data))}
		}
	}
	return files
}

// found are the verdict and the problems of a check in words.
func found(c *whittle.Check) string {
	var out strings.Builder
	out.WriteString(string(c.Verdict))
	for _, p := range c.Problems {
		if p.Rule != "unused-dependency" {
			fmt.Fprintf(&out, "\n%s %s %s %s:%d", p.Severity, p.Rule, p.Module, p.Path, p.Line)
		}
	}
	return out.String()
}

const (
	uvLock = `-- uv.lock --
version = 1
[[package]]
name = "fastapi"
version = "0.115"
dependencies = [{ name = "starlette" }]
[[package]]
name = "starlette"
version = "0.40"
[[package]]
name = "pytest"
version = "8"
dependencies = [{ name = "pluggy" }]
[[package]]
name = "pluggy"
version = "1"
`
	poetryLock = `-- poetry.lock --
[[package]]
name = "flask"
version = "3"
[package.dependencies]
Werkzeug = ">=3"
[[package]]
name = "werkzeug"
version = "3"
[[package]]
name = "rich"
version = "13"
`
)

// projectCases are folders and what is true of them: an error where it cannot
// be otherwise, and nothing that is false.
var projectCases = []struct{ name, files, want string }{
	// What is declared, and in which words.
	{"a word in a file's name", "-- requirements-docker.txt --\nflask\n-- requirements/social.txt --\npython-jose\n-- latest-reqs.txt --\nrich\n-- app.py --\nimport flask, jose, rich\n", "runs"},
	{"for development by its name", "-- requirements.txt --\n# none\n-- requirements-dev.txt --\nrich\n-- app.py --\nimport rich\n", "fails\nerror misplaced-dependency rich app.py:1"},
	{"files that include files", "-- requirements.txt --\n-r requirements/prod/base.txt\n-- requirements/prod/base.txt --\nflask\n-- app.py --\nimport flask\n", "runs"},
	{"pins of what is declared are no lock", "-- requirements.txt --\nflask==3.1.0\n-- app.py --\nimport flask\nimport werkzeug\n", "unknown\ninfo undeclared-dependency werkzeug app.py:2"},
	{"compiled requirements", "-- requirements.txt --\nflask==3.1.0 \\\n    --hash=sha256:aa\nwerkzeug==3.1.3 \\\n    --hash=sha256:bb\n    # via flask\n-- app.py --\nimport flask, werkzeug\nimport rich\n", "fails\nerror undeclared-dependency rich app.py:2"},
	{"no lock", "-- deps: flask --\n-- app.py --\nimport flask\nimport werkzeug\n", "unknown\ninfo undeclared-dependency werkzeug app.py:2"},
	{"git and an egg", "-- requirements.txt --\n-e git+https://git.example.org/requests.git@v2#egg=requests\ngit+https://git.example.org/click.git#egg=click[x]&subdirectory=y\n-- app.py --\nimport requests, click\n", "runs"},
	{"git without a name", "-- requirements.txt --\ngit+https://git.example.org/requests.git\n-- app.py --\nimport requests\n", "unknown\ninfo undeclared-dependency requests app.py:1"},
	{"a wheel's URL", "-- requirements.txt --\nhttps://files.example.org/requests-2.32.0-py3-none-any.whl ; python_version > '3'\n./wheels/rich-13.0.0.tar.gz\n-- app.py --\nimport requests, rich\n", "runs"},
	{"a name and a URL", "-- requirements.txt --\nrequests @ https://files.example.org/r.zip\n-- app.py --\nimport requests\n", "runs"},
	{"a folder of the project", "-- requirements.txt --\n./libs/acme\n-- libs/acme/pyproject.toml --\n[project]\nname = \"acme\"\nversion = \"1\"\n-- libs/acme/acme/__init__.py --\n-- app.py --\nimport acme\n", "runs"},
	{"setup.cfg reads a file", "-- setup.cfg --\n[metadata]\nname = shop\n[options]\ninstall_requires = file: needs/base.in\n-- needs/base.in --\nrequests\n-- shop.py --\nimport requests\nimport rich\n", "unknown\ninfo undeclared-dependency rich shop.py:2"},
	{"setuptools reads a file", "-- pyproject.toml --\n[project]\nname = \"shop\"\ndynamic = [\"dependencies\"]\n[tool.setuptools.dynamic]\ndependencies = {file = [\"deps.in\"]}\n-- deps.in --\nrequests\n-- shop.py --\nimport requests\n", "runs"},
	{"a build makes the dependencies", "-- pyproject.toml --\n[build-system]\nrequires = [\"hatchling\"]\n[project]\nname = \"shop\"\ndynamic = [\"dependencies\"]\n[tool.hatch.metadata.hooks.custom]\n-- shop.py --\nimport requests\n", "unknown\ninfo undeclared-dependency requests shop.py:1"},
	{"setup.py computes", "-- setup.py --\nsetup(name='shop', py_modules=['shop'], install_requires=read('x'))\n-- shop.py --\nimport requests\n", "unknown\ninfo undeclared-dependency requests shop.py:1"},
	{"setup.py adds later", "-- setup.py --\nR = ['click']\nR.append('requests')\nsetup(name='shop', py_modules=['shop'], install_requires=R)\n-- shop.py --\nimport requests\n", "unknown\ninfo undeclared-dependency requests shop.py:1"},
	{"its own extra", "-- deps: shop[web] --\n[project.optional-dependencies]\nweb = [\"flask\"]\n-- shop.py --\nimport flask\n", "runs"},
	{"Pipfile and its lock", "-- Pipfile --\n[packages]\nflask = \"*\"\n[dev-packages]\nrich = \"*\"\n-- Pipfile.lock --\n{\"default\": {\"flask\": {\"version\": \"==3\"}, \"werkzeug\": {\"version\": \"==3\"}}, \"develop\": {\"rich\": {}}}\n-- app.py --\nimport flask\nimport rich\n", "fails\nerror misplaced-dependency rich app.py:2"},
	{"conda", "-- environment.yml --\nname: x\nchannels: [conda-forge]\ndependencies:\n  - python=3.12\n  - numpy>=2\n  - conda-forge::pytorch\n  - pip:\n      - rich\n-- app.py --\nimport numpy, torch, rich\n", "runs"},
	{"pixi", "-- pixi.toml --\n[dependencies]\nnumpy = \"*\"\n[pypi-dependencies]\nrich = \">=13\"\n-- app.py --\nimport numpy, rich\n", "runs"},
	{"a script's own metadata", "-- tool.py --\n# /// script\n# dependencies = [\"rich\"]\n# ///\nimport rich\n-- other.py --\n# /// script\n# dependencies = []\n# ///\nimport rich\n", "fails\nerror undeclared-dependency rich other.py:4"},
	{"a folder further down", "-- backend/pyproject.toml --\n[project]\nname = \"acme\"\nversion = \"1\"\ndependencies = []\n-- backend/acme/__init__.py --\nimport rich\n", "fails\nerror undeclared-dependency rich backend/acme/__init__.py:1"},

	// What comes along, by a lock file.
	{"a lock's edges", "-- deps: fastapi --\n[dependency-groups]\ndev = [\"pytest\"]\n-- app.py --\nimport fastapi\nimport pluggy\nimport rich\n" + uvLock, "fails\nerror undeclared-dependency pluggy app.py:2\nerror undeclared-dependency rich app.py:3"},
	{"development names what comes along", "-- deps: fastapi --\n[dependency-groups]\ndev = [\"starlette\", \"pytest\"]\n-- app.py --\nimport fastapi, starlette\n" + uvLock, "runs\ninfo transitive-dependency starlette app.py:1"},
	{"development alone", "-- deps: fastapi --\n[dependency-groups]\ndev = [\"pytest\"]\n-- app.py --\nimport fastapi, pytest\n" + uvLock, "fails\nerror misplaced-dependency pytest app.py:1"},
	{"Poetry's edges", "-- pyproject.toml --\n[tool.poetry]\nname = \"shop\"\n[tool.poetry.dependencies]\npython = \"^3.12\"\nflask = \"*\"\n[tool.poetry.group.dev.dependencies]\nrich = \"*\"\n-- shop.py --\nimport flask, werkzeug\nimport rich\n" + poetryLock, "fails\nerror misplaced-dependency rich shop.py:2\nwarning transitive-dependency werkzeug shop.py:1"},
	{"a lock that is not whole", "-- deps: fastapi acme --\n-- app.py --\nimport rich\n" + uvLock, "unknown\ninfo undeclared-dependency rich app.py:1"},
	{"what nothing leads to", "-- pyproject.toml --\n[tool.poetry]\nname = \"shop\"\n[tool.poetry.dependencies]\nflask = \"*\"\n-- shop.py --\nimport rich\n" + poetryLock, "runs\nwarning transitive-dependency rich shop.py:1"},
	{"a virtual environment", "-- deps: acme --\n-- .venv/pyvenv.cfg --\n-- .venv/lib/python3.12/site-packages/acme-1.dist-info/METADATA --\nName: acme\nVersion: 1\nRequires-Dist: acme-core\n-- .venv/lib/python3.12/site-packages/acme_core-1.dist-info/METADATA --\nName: acme-core\nVersion: 1\n-- .venv/lib/python3.12/site-packages/acme_core-1.dist-info/RECORD --\nkernel/__init__.py,,\n-- app.py --\nimport acme, kernel\nimport rich\n", "fails\nerror undeclared-dependency rich app.py:2\nwarning transitive-dependency kernel app.py:1"},

	// What are the project's own modules.
	{"a folder hides no distribution", "-- deps: --\n-- docker/Dockerfile.x --\nFROM scratch\n-- app.py --\nimport docker\n", "fails\nerror undeclared-dependency docker app.py:1"},
	{"a folder with other modules", "-- deps: --\n-- alembic/env.py --\nimport os\n-- app.py --\nfrom alembic import command\n", "fails\nerror undeclared-dependency alembic app.py:1"},
	{"a namespace of its own", "-- deps: --\n-- acme/shop/core.py --\n-- app.py --\nfrom acme.shop import core\nimport acme.shop.core\n", "runs"},
	{"a module beside of the same name", "-- deps: --\n[project.scripts]\nshop = \"shop.main:main\"\n-- shop/__init__.py --\n-- shop/main.py --\nfrom shop.celery import app\n-- shop/celery.py --\nfrom celery import Celery\n", "fails\nerror undeclared-dependency celery shop/celery.py:1"},
	{"a program's own folder", "-- deps: --\n-- bin/main.py --\nimport helper\n-- bin/helper.py --\n-- Dockerfile --\nFROM python:3.13\nCOPY . /app\nCMD [\"python\", \"bin/main.py\"]\n", "runs"},
	{"a workspace", "-- pyproject.toml --\n[project]\nname = \"all\"\nversion = \"1\"\n[tool.uv.workspace]\nmembers = [\"packages/*\"]\n-- packages/first/pyproject.toml --\n[project]\nname = \"first\"\nversion = \"1\"\ndependencies = [\"second\"]\n-- packages/first/src/first/__init__.py --\nimport second\n-- packages/second/pyproject.toml --\n[project]\nname = \"second\"\nversion = \"1\"\ndependencies = []\n-- packages/second/src/second/__init__.py --\nimport rich\n", "fails\nerror undeclared-dependency rich packages/second/src/second/__init__.py:1"},
	{"what a Dockerfile copies", "-- requirements.txt --\nfastapi\nuvicorn\n-- Dockerfile --\nFROM python:3.13-slim\nWORKDIR /srv\nCOPY server/ .\nCMD [\"uvicorn\", \"main:app\"]\n-- server/main.py --\nfrom routers.items import router\nimport fastapi\n-- server/routers/items.py --\nfrom db.models import x\n-- server/db/models.py --\n-- notebooks/explore.py --\nimport seaborn\n", "runs"},
	{"what a Dockerfile installs", "-- requirements.txt --\nflask\n-- Dockerfile --\nFROM python:3.13-slim\nRUN pip install --no-cache-dir -r requirements.txt \"gevent>=24\"\nCMD [\"python\", \"app.py\"]\n-- app.py --\nimport flask, gevent\n", "runs"},
	{"a base image that has more", "-- requirements.txt --\n# none\n-- Dockerfile --\nFROM tensorflow/tensorflow:2.17.0\nCMD [\"python\", \"app.py\"]\n-- app.py --\nimport numpy\n", "unknown\ninfo undeclared-dependency numpy app.py:1"},
	{"package_dir", "-- setup.cfg --\n[metadata]\nname = shop\n[options]\npackage_dir =\n    = lib\ninstall_requires = flask\n-- lib/shop/__init__.py --\nimport flask\nfrom shop.common import x\n-- lib/shop/common.py --\n", "runs"},
	{"from a folder of Poetry's", "-- pyproject.toml --\n[tool.poetry]\nname = \"shop\"\npackages = [{include = \"shop\", from = \"python\"}]\n[tool.poetry.scripts]\nshop = \"shop.cli:main\"\n-- python/shop/__init__.py --\n-- python/shop/cli.py --\nimport shop.core\n-- python/shop/core.py --\n", "runs"},
	{"maturin", "-- pyproject.toml --\n[build-system]\nrequires = [\"maturin\"]\n[project]\nname = \"shop\"\n[tool.maturin]\npython-source = \"py\"\n-- py/shop/__init__.py --\nfrom shop.shop_rs import f\nfrom shop import core\n-- py/shop/core.py --\n", "runs"},
	{"compiled code beside", "-- deps: --\n-- app.py --\nimport fastmath\n-- fastmath.pyx --\n", "runs"},
	{"copies of others' code", "-- setup.py --\nsetup(name='shop', packages=['shop'], install_requires=[])\n-- shop/__init__.py --\nimport sys\nsys.path.insert(0, 'shop/_vendor')\nimport packaging\n-- shop/_vendor/packaging/__init__.py --\nimport rich\n", "runs"},
	{"a package binds the name", "-- deps: --\n[project.scripts]\nshop = \"shop:main\"\n-- shop/__init__.py --\nfrom shop.io import widget\n-- shop/io/__init__.py --\ndef widget(): pass\n-- shop/io/widget.py --\nimport rich\n", "runs\nwarning undeclared-dependency rich shop/io/widget.py:1"},
	{"the standard library's name in a test's data", "-- deps: --\n-- app.py --\nimport collections\n-- tests/data/collections.py --\nimport rich\n", "runs"},

	// What ships.
	{"Django's tests", "-- requirements.txt --\ndjango\n-- requirements-dev.txt --\nwebtest\n-- shop/__init__.py --\n-- shop/models.py --\nimport django\n-- shop/tests.py --\nimport webtest\n-- shop/tests_e2e/login.py --\nimport webtest\n-- docs/conf.py --\nimport webtest\n-- {{cookiecutter.name}}/app.py --\nimport webtest\n", "runs"},
	{"a script of the developers'", "-- deps: click --\n[dependency-groups]\ndev = [\"typer>=0.20\"]\n-- scripts/release.py --\nimport typer\n-- app.py --\nimport click\n", "runs"},
	{"an image with the groups for development", "-- deps: fastapi --\n[dependency-groups]\ndev = [\"pytest\"]\n-- app.py --\nimport fastapi, pytest\n-- Dockerfile --\nFROM python:3.12-slim\nCOPY . .\nRUN uv sync --locked\nCMD [\"python\", \"app.py\"]\n" + uvLock, "runs\ninfo misplaced-dependency pytest app.py:1"},
	{"an image without them", "-- deps: fastapi --\n[dependency-groups]\ndev = [\"pytest\"]\n-- app.py --\nimport fastapi, pytest\n-- Dockerfile --\nFROM python:3.12-slim\nCOPY . .\nRUN uv sync --locked --no-dev\nCMD [\"python\", \"app.py\"]\n" + uvLock, "fails\nerror misplaced-dependency pytest app.py:1"},
	{"a program of the developers'", "-- deps: --\n[dependency-groups]\ndev = [\"faker\"]\n-- populate.py --\nimport faker\n", "runs\ninfo misplaced-dependency faker populate.py:1"},
	{"console scripts of setup.py", "-- setup.py --\nfrom setuptools import setup\nsetup(name='shop', install_requires=['click'], packages=['shop'], entry_points={'console_scripts': ['shop=shop.cli:main']})\n-- shop/__init__.py --\n-- shop/cli.py --\nimport click\n-- ci/gen.py --\nimport yaml\n", "runs"},
	{"builds and environments", "-- deps: --\n-- build/lib/x.py --\nimport rich\n-- env/pyvenv.cfg --\n-- env/lib/python3.12/site-packages/flask/__init__.py --\nimport rich\n-- app.py --\nimport os\n", "runs"},
	{"what no script reaches", "-- deps: --\n[project.scripts]\nshop = \"shop.cli:main\"\n-- shop/__init__.py --\n-- shop/cli.py --\n-- shop/api.py --\nimport httpx\n", "runs\nwarning undeclared-dependency httpx shop/api.py:1"},
	{"a plug-in that says what it would need", "-- deps: --\n[project.scripts]\nshop = \"shop:main\"\n-- shop/__init__.py --\n-- shop/integrations/flask.py --\ntry:\n    import flask\nexcept ImportError:\n    raise DidNotEnable('flask')\n", "runs"},
	{"an own module that may fail", "-- deps: --\n[project.scripts]\nshop = \"shop:main\"\n-- shop/__init__.py --\ntry:\n    from shop._dev import x\nexcept ImportError:\n    x = None\n-- shop/_dev.py --\nimport cffi\n", "runs"},
	{"only where it is there", "-- deps: --\n-- app.py --\nimport importlib.util\nif importlib.util.find_spec('numpy'):\n    import numpy\n", "runs"},
	{"behind a test that returns", "-- deps: --\n-- app.py --\nfrom importlib.util import find_spec\ndef f():\n    if find_spec('numpy') is None:\n        return\n    import numpy\n    from numpy.linalg import norm\n", "runs"},
	{"behind a test in one function of two", "-- deps: --\n-- app.py --\nfrom importlib.util import find_spec\ndef f():\n    if find_spec('numpy') is None:\n        return\n    import numpy\ndef g():\n    import numpy\n", "runs\nwarning undeclared-dependency numpy app.py:7"},
	{"behind a test, and at the start", "-- deps: --\n-- app.py --\nimport lib\nfrom importlib.util import find_spec\ndef f():\n    if find_spec('numpy') is None:\n        return\n    import numpy\n-- lib.py --\nimport numpy\n", "fails\nerror undeclared-dependency numpy lib.py:1"},
	{"behind a test that ends the program", "-- deps: --\n-- app.py --\nimport sys\nfrom importlib.util import find_spec\nif find_spec('numpy') is None:\n    sys.exit('numpy is not installed')\nimport numpy\n", "unknown"},
	{"behind a test that ends the program, and declared", "-- deps: numpy --\n-- app.py --\nimport sys\nfrom importlib.util import find_spec\nif find_spec('numpy') is None:\n    sys.exit('numpy is not installed')\nimport numpy\n", "runs"},
	{"behind a try that returns", "-- deps: --\n-- app.py --\ndef f():\n    try:\n        import numpy\n    except ImportError:\n        return\n    import numpy.linalg\n    import scipy\n", "runs\nwarning undeclared-dependency scipy app.py:7"},
	{"behind a flag", "-- deps: --\n-- app.py --\nfrom importlib.util import find_spec\nHAS_NUMPY = find_spec('numpy') is not None\ndef f():\n    if not HAS_NUMPY:\n        return\n    import numpy\n", "runs"},
	{"a skipped test", "-- deps: --\n-- app.py --\nimport unittest\ndef f():\n    try:\n        import numpy\n    except ImportError:\n        raise unittest.SkipTest('numpy')\n    import numpy.linalg\n", "runs"},
	{"behind its version", "-- deps: --\n-- app.py --\nfrom importlib.metadata import PackageNotFoundError, version\ntry:\n    version('PyYAML')\n    import yaml\nexcept PackageNotFoundError:\n    yaml = None\n", "runs"},
	{"behind another's version", "-- deps: --\n-- app.py --\nfrom importlib.metadata import PackageNotFoundError, version\ntry:\n    version('rich')\n    import yaml\nexcept PackageNotFoundError:\n    yaml = None\n", "fails\nerror undeclared-dependency yaml app.py:4"},
	{"behind its version, and raised", "-- deps: --\n-- app.py --\nfrom importlib.metadata import PackageNotFoundError, version\ntry:\n    version('PyYAML')\n    import yaml\nexcept PackageNotFoundError:\n    raise RuntimeError('PyYAML is not installed')\n", "fails\nerror undeclared-dependency yaml app.py:4"},
	{"behind its version, and elsewhere", "-- deps: --\n-- app.py --\nfrom importlib.metadata import PackageNotFoundError, version\nimport lib\ndef f():\n    try:\n        version('PyYAML')\n    except PackageNotFoundError:\n        return\n    import yaml\n-- lib.py --\nimport yaml\n", "fails\nerror undeclared-dependency yaml lib.py:1"},
	{"an error that says more", "-- deps: --\n-- app.py --\ntry:\n    import pandas\nexcept Exception as e:\n    raise RuntimeError('pandas') from e\n", "fails\nerror undeclared-dependency pandas app.py:2"},
	{"neither of two", "-- deps: --\n-- app.py --\ntry:\n    import ujson as json\nexcept ImportError:\n    import simplejson as json\n", "fails\nerror undeclared-dependency ujson app.py:2"},
	{"one of two", "-- deps: simplejson --\n-- app.py --\ntry:\n    import ujson as json\nexcept ImportError:\n    import simplejson as json\n", "runs"},
	{"for type checkers", "-- deps: --\n-- app.py --\nfrom typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pandas\nelse:\n    import httpx\n", "fails\nerror undeclared-dependency httpx app.py:5"},
	{"a lazy import", "-- deps: --\n-- app.py --\nlazy import numpy\nlazy from scipy import stats\n", "runs\nwarning undeclared-dependency numpy app.py:1\nwarning undeclared-dependency scipy app.py:2"},

	// What is declared and not by the best known name, and what brings its own.
	{"a fork whose modules are not known", "-- deps: acme-cord --\n-- bot.py --\nimport rich\n-- uv.lock --\nversion = 1\n[[package]]\nname = \"acme-cord\"\nversion = \"2\"\n", "unknown\ninfo undeclared-dependency rich bot.py:1"},
	{"an extra that is asked for by its name", "-- deps: psycopg[pool] celery[redis] passlib[bcrypt] --\n-- app.py --\nimport psycopg, psycopg_pool, celery, redis, passlib, bcrypt\n", "runs"},
	{"boto3 in AWS Lambda", "-- template.yaml --\nTransform: AWS::Serverless-2016-10-31\n-- hello/requirements.txt --\n# none\n-- hello/app.py --\nimport boto3\nimport rich\n", "fails\nerror undeclared-dependency rich hello/app.py:2"},
	{"Lambda's handler", "-- requirements.txt --\n# none\n-- main.py --\nfrom botocore.exceptions import ClientError\ndef lambda_handler(event, context): pass\n", "runs"},
	{"no Lambda", "-- deps: --\n-- template.yaml --\nname: x\n-- app.py --\nimport boto3\n", "fails\nerror undeclared-dependency boto3 app.py:1"},
	{"a folder of lists", "-- pyproject.toml --\n[tool.pants]\n-- 3rdparty/python/requirements.txt --\nflask\n-- src/python/shop/app.py --\nimport flask\n", "runs"},
	{"a list for the image beside the project's own", "-- requirements.txt --\nflask==3\n    # via -r requirements.in\n-- docker/requirements.txt --\npsycopg2\nacme\n-- app.py --\nimport flask, psycopg2\nimport rich\n", "fails\nerror undeclared-dependency rich app.py:2"},
	{"a group to run with", "-- deps: --\n[dependency-groups]\nserver = [\"flask\"]\ndev-tools = [\"rich\"]\n-- app.py --\nimport flask\nimport rich\n", "unknown\ninfo misplaced-dependency rich app.py:2"},
	{"a group of a library", "-- deps: --\n[build-system]\nrequires = [\"hatchling\"]\n[dependency-groups]\nserver = [\"flask\"]\n-- shop/__init__.py --\nimport flask\n", "fails\nerror misplaced-dependency flask shop/__init__.py:1"},
	{"a group that an image is made with", "-- deps: --\n[build-system]\nrequires = [\"hatchling\"]\n[dependency-groups]\nserver = [\"flask\"]\n-- shop/__init__.py --\nimport flask\n-- Dockerfile --\nFROM python:3.13\nRUN uv sync --no-dev --group server\n", "runs"},
	{"Poetry's group to run with", "-- pyproject.toml --\n[tool.poetry]\nname = \"shop\"\n[tool.poetry.dependencies]\npython = \"^3.12\"\n[tool.poetry.group.bot.dependencies]\naiogram = \"*\"\n-- bot/main.py --\nimport aiogram\n", "runs"},
	{"Hatch's environment is none", "-- deps: --\n[tool.hatch.envs.default]\ndependencies = [\"rich\"]\n-- app.py --\nimport rich\n", "fails\nerror misplaced-dependency rich app.py:1"},
	{"what an argument of a build names", "-- requirements.txt --\nflask\n-- Dockerfile --\nFROM python:3.13\nARG MORE=requests\nRUN pip install --no-cache-dir -r requirements.txt $MORE\nCMD [\"python\", \"app.py\"]\n-- app.py --\nimport flask, requests\n", "unknown\ninfo undeclared-dependency requests app.py:1"},
	{"a version that an argument names", "-- requirements.txt --\n# none\n-- Dockerfile --\nFROM python:3.13\nARG V\nRUN pip install -i $INDEX \"gevent==$V\" \"acme @ git+https://git.example.org/acme@${V}\"\nCMD [\"python\", \"app.py\"]\n-- app.py --\nimport gevent\nimport rich\n", "fails\nerror undeclared-dependency rich app.py:2"},
	{"a module of a package that is named setup.py", "-- deps: flask --\n-- shop/__init__.py --\n-- shop/setup.py --\ndef begin(**more): setup(**more)\n-- shop/app.py --\nimport flask\nimport rich\n-- uv.lock --\nversion = 1\n[[package]]\nname = \"flask\"\nversion = \"3\"\n", "fails\nerror undeclared-dependency rich shop/app.py:2"},
	{"tasks of the developers'", "-- deps: --\n-- tasks.py --\nfrom invoke import task\n-- app.py --\nimport os\n", "runs"},
	{"what a compiler of interfaces makes", "-- deps: --\n-- app.py --\nimport hello_pb2, hello_pb2_grpc\n-- hello.proto --\n", "runs"},
	{"others' modules of an own one's name", "-- deps: --\n-- shop/__init__.py --\n-- shop/app.py --\ndef f():\n    import deepspeed\n    import rich.logging\n    from deepspeed.utils import x\n-- shop/tune/__init__.py --\n-- shop/tune/deepspeed.py --\n-- shop/tune/rich.py --\n", "runs\nwarning undeclared-dependency deepspeed shop/app.py:2\nwarning undeclared-dependency rich.logging shop/app.py:3\nwarning undeclared-dependency deepspeed.utils shop/app.py:4"},
	{"a part of a namespace that others have", "-- deps: acme-core --\n-- acme/web/__init__.py --\nimport acme.core.y\n-- uv.lock --\nversion = 1\n[[package]]\nname = \"acme-core\"\nversion = \"2\"\n", "runs"},
	{"what stands in for a module that is gone", "-- deps: pyasyncore standard-telnetlib audioop-lts --\nrequires-python = \">=3.13\"\n-- app.py --\nimport asyncore, telnetlib, audioop\n", "runs"},

	// Names, and what stands for what they do not say.
	{"named as the module, but for what names add", "-- deps: django-mptt python-hglib odfpy tensorflow-gpu pygame-ce google-cloud-dns-v1 --\n-- app.py --\nimport mptt, hglib, odf, tensorflow, pygame\n", "runs"},
	{"named like it", "-- deps: acme-client --\n-- app.py --\nimport acme\n", "unknown"},
	{"an older table of flit", "-- pyproject.toml --\n[build-system]\nrequires = [\"flit_core\"]\n[tool.flit.metadata]\nmodule = \"shop\"\nrequires = [\"flask\"]\n[tool.flit.metadata.requires-extra]\nx = [\"rich\"]\n-- shop.py --\nimport flask\nimport rich\n", "runs\nwarning undeclared-dependency rich shop.py:2"},
	{"UTF-16", "-- requirements.txt --\n\xff\xfef\x00l\x00a\x00s\x00k\x00\n\x00\n\x00\n-- app.py --\nimport flask\n", "runs"},
	{"a package whose folder has another name", "-- setup.py --\nsetup(name='shop', packages=['acme'], package_dir={'acme': 'code'}, install_requires=[])\n-- code/__init__.py --\nfrom acme.b import x\n-- code/b.py --\nx = 1\n", "runs"},
	{"a package whose folder has another name, by tables", "-- pyproject.toml --\n[build-system]\nrequires = [\"setuptools\"]\n[project]\nname = \"shop\"\n[tool.setuptools.package-dir]\nacme = \"code\"\n-- code/__init__.py --\nimport acme.b\n", "runs"},
	{"a package whose folder has another name, in setup.cfg", "-- setup.cfg --\n[metadata]\nname = shop\n[options]\npackages = acme\npackage_dir =\n    acme = code\n-- code/__init__.py --\nimport acme.b\n", "runs"},
	{"a crate's module", "-- deps: --\n-- Cargo.toml --\n[lib]\nname = \"fastlib\"\n-- app.py --\nimport fastlib\n", "runs"},
	{"an extension of setup.py", "-- setup.py --\nsetup(name='shop', py_modules=['app'], install_requires=[], ext_modules=[Extension('_fast', ['fast.c'])])\n-- app.py --\nimport _fast, fastc\n-- CMakeLists.txt --\npybind11_add_module(fastc src/fast.cpp)\n", "runs"},
	{"no file of the build names it", "-- deps: --\n-- CMakeLists.txt --\npybind11_add_module(fastcode src/fast.cpp)\n-- app.py --\nimport fastc\n", "fails\nerror undeclared-dependency fastc app.py:1"},
	{"a folder of what a compiler of interfaces makes", "-- deps: --\n-- app.py --\nfrom protos import hello_pb2, hello_pb2_grpc\n-- protos/hello.proto --\n", "runs"},
	{"a submodule of git", "-- deps: --\n-- .gitmodules --\n[submodule \"acme\"]\n\tpath = libs/acme\n\turl = https://git.example.org/acme\n-- app.py --\nimport acme\n", "unknown"},
	{"the library's own tests", "-- deps: --\n-- app.py --\nfrom test.support import captured_stdout\n", "runs"},

	// Versions and platforms.
	{"gone from the standard library", "-- deps: --\nrequires-python = \">=3.13\"\n-- app.py --\nimport cgi\n", "fails\nerror missing-module cgi app.py:1"},
	{"gone, and something has it", "-- deps: legacy-cgi setuptools --\nrequires-python = \">=3.13\"\n-- app.py --\nimport cgi, distutils\n", "runs"},
	{"gone from some versions", "-- deps: --\nrequires-python = \">=3.9\"\n-- app.py --\nimport tomllib\n", "runs\nwarning missing-module tomllib app.py:1"},
	{"of another version", "-- deps: --\n-- app.py --\nimport cgi\n-- Dockerfile --\nFROM python:3.13-slim\nCMD [\"python\", \"app.py\"]\n", "fails\nerror missing-module cgi app.py:1"},
	{"a module below that is gone", "-- deps: --\nrequires-python = \">=3.9\"\n-- app.py --\nimport xml.etree.cElementTree as ET\nfrom xml.etree import ElementTree\n", "fails\nerror missing-module xml app.py:1"},
	{"a module below that is new", "-- deps: --\nrequires-python = \">=3.10\"\n-- app.py --\nfrom asyncio import taskgroups, locks\n", "runs\nwarning missing-module asyncio app.py:1"},
	{"one that stands in for two", "-- deps: legacy-cgi --\nrequires-python = \">=3.13\"\n-- app.py --\nimport cgi, cgitb\n", "runs"},
	{"asked for its version", "-- deps: tomli;python_version<'3.11' --\nrequires-python = \">=3.9\"\n-- app.py --\nimport sys\nif sys.version_info >= (3, 11):\n    import tomllib\nelse:\n    import tomli as tomllib\n", "runs"},
	{"a marker that never holds", "-- deps: tomli;python_version<'3.11' --\nrequires-python = \">=3.12\"\n-- app.py --\nimport tomli\n", "fails\nerror undeclared-dependency tomli app.py:1"},
	{"declared for Windows alone", "-- deps: pywin32;sys_platform=='win32' --\n-- app.py --\nimport win32api\n", "unknown"},
	{"declared for Windows alone, in an image", "-- deps: pywin32;sys_platform=='win32' --\n-- app.py --\nimport win32api\n-- Dockerfile --\nFROM python:3.13-slim\nCMD [\"python\", \"app.py\"]\n", "fails\nerror undeclared-dependency win32api app.py:1"},
	{"declared for Windows alone, and asked", "-- deps: pywin32;sys_platform=='win32' --\n-- app.py --\nimport sys\nif sys.platform == 'win32':\n    import win32api\n", "runs"},
	{"declared for others than Windows", "-- deps: uvloop;sys_platform!='win32' --\n-- app.py --\nimport uvloop\n", "runs"},
	{"declared for Windows, and for the others", "-- deps: rich;sys_platform=='win32' rich>=2;sys_platform!='win32' --\n-- app.py --\nimport rich\n", "runs"},
	{"declared for one machine", "-- deps: orjson;platform_machine=='aarch64' --\n-- app.py --\nimport orjson\n", "runs"},
	{"Windows alone", "-- deps: --\n-- app.py --\nimport winreg\n", "unknown\ninfo missing-module winreg app.py:1"},
	{"Windows alone, in an image", "-- deps: --\n-- app.py --\nimport winreg\n-- Dockerfile --\nFROM python:3.13-slim\nCMD [\"python\", \"app.py\"]\n", "fails\nerror missing-module winreg app.py:1"},
	{"on Windows", "-- deps: --\n-- app.py --\nimport sys\nif sys.platform == 'win32':\n    import winreg\n", "runs"},
}

func TestProjectCases(t *testing.T) {
	for _, tt := range projectCases {
		t.Run(tt.name, func(t *testing.T) {
			c, err := check.Project(context.Background(), folder(tt.files), deps.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, found(c)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, strings.Join(c.Unknown, "\n"))
			}
		})
	}
}

// TestProjectOptions: what whittle.yaml says, and what the package index knows.
func TestProjectOptions(t *testing.T) {
	resolve := func(reqs []pep.Requirement) (map[string]string, bool) {
		return map[string]string{"flask": "3.1", "werkzeug": "3.1"}, len(reqs) == 1 && reqs[0].Name == "flask"
	}
	ships := func(distribution, module string) source.Truth {
		if module == "rich" && (distribution == "acme-cord" || distribution == "rich") || module == "kernel" && distribution == "acme-things" {
			return source.Yes
		}
		if module == "kernel" && distribution == "acme-kernel-tools" || module == distribution {
			return source.Yes
		}
		return source.No
	}
	brings := func([]pep.Requirement) (map[string]string, bool) {
		return map[string]string{"django-flask": "1", "flask": "3.1"}, true
	}
	tests := []struct {
		name, files string
		options     deps.Options
		want        string
	}{
		{"ignored", "-- deps: --\n-- app.py --\nimport rich, yaml\n", deps.Options{Ignore: []string{"rich", "PyYAML"}}, "runs"},
		{"the index knows what only requires others", "-- deps: django-flask --\n-- app.py --\nimport flask\n", deps.Options{Ships: ships, Resolve: brings}, "runs\nwarning transitive-dependency flask app.py:1"},
		{"the index knows that a name that is alike has it", "-- deps: acme-kernel-tools --\n-- app.py --\nimport kernel\n", deps.Options{Ships: ships}, "runs"},
		{"named", "-- deps: acme-things --\n-- app.py --\nimport kernel\n", deps.Options{Names: map[string]string{"kernel": "acme-things"}}, "runs"},
		{"an extra", "-- deps: --\n[project.optional-dependencies]\nx = [\"rich\"]\n-- app.py --\nimport rich\n", deps.Options{}, "runs\nwarning undeclared-dependency rich app.py:1"},
		{"an extra for development", "-- deps: --\n[project.optional-dependencies]\nx = [\"rich\"]\n-- app.py --\nimport rich\n", deps.Options{Development: []string{"x"}}, "fails\nerror misplaced-dependency rich app.py:1"},
		{"the index", "-- deps: flask --\n-- app.py --\nimport flask\nimport werkzeug\nimport rich\n", deps.Options{Resolve: resolve},
			"fails\nerror undeclared-dependency rich app.py:3\nwarning transitive-dependency werkzeug app.py:2"},
		{"the index knows a fork's modules", "-- deps: acme-cord --\n-- bot.py --\nimport rich\n-- uv.lock --\nversion = 1\n[[package]]\nname = \"acme-cord\"\nversion = \"2\"\n", deps.Options{Ships: ships}, "runs"},
		{"the index knows what has another name", "-- deps: acme-things --\n-- bot.py --\nimport kernel\n", deps.Options{Ships: ships}, "runs"},
		{"the index knows that it is no fork", "-- deps: acme-click --\n-- bot.py --\nimport rich\n-- uv.lock --\nversion = 1\n[[package]]\nname = \"acme-click\"\nversion = \"2\"\n", deps.Options{Ships: ships}, "fails\nerror undeclared-dependency rich bot.py:1"},
		{"the index does not know", "-- deps: click --\n-- app.py --\nimport rich\n", deps.Options{Resolve: resolve}, "unknown\ninfo undeclared-dependency rich app.py:1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := check.Project(context.Background(), folder(tt.files), tt.options)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, found(c)); diff != "" {
				t.Errorf("(-want +got):\n%s\n%s", diff, strings.Join(c.Unknown, "\n"))
			}
		})
	}
}

// TestWindowsAlone: what is for Windows alone is declared for it alone.
func TestWindowsAlone(t *testing.T) {
	for _, tt := range []struct{ files, want string }{
		{"-- deps: --\n-- app.py --\nimport win32api\n", `add pywin32; sys_platform == "win32" to the dependencies, and import it under "if sys.platform == 'win32':"`},
		{"-- deps: --\n-- app.py --\nimport pythoncom\n", `add pywin32; sys_platform == "win32" to the dependencies, and import it under "if sys.platform == 'win32':"`},
		{"-- app.py --\n# /// script\n# dependencies = []\n# ///\nimport win32api\n", `add pywin32; sys_platform == "win32" to the script's dependencies, and import it under "if sys.platform == 'win32':"`},
		{"-- deps: --\n-- app.py --\nimport colorama\n", "add colorama to the dependencies"},
	} {
		c, err := check.Project(context.Background(), folder(tt.files), deps.Options{})
		if err != nil || len(c.Problems) != 1 || c.Problems[0].Fix != tt.want {
			t.Errorf("%s: %v, %+v, want %s", tt.files, err, c.Problems, tt.want)
		}
	}
}

// TestUnused: what a notebook or a setting names is used.
func TestUnused(t *testing.T) {
	tests := []struct{ name, files, want string }{
		{"named", "-- deps: flask pandas django-cors-headers gunicorn left --\n-- app.py --\nimport flask\nAPPS = ['django-cors-headers']\n" +
			"-- n.ipynb --\n{\"cells\": [{\"cell_type\": \"code\", \"source\": [\"%matplotlib inline\\n\", \"import pandas as pd\\n\"]}]}\n-- Dockerfile --\nFROM python:3.13\nCMD gunicorn app:app\n", "left"},
		{"started elsewhere", "-- deps: flask uvicorn waitress flower gunicorn psycopg2-binary left --\n-- app.py --\nimport flask\nDB = 'postgresql+psycopg2://'\n-- Procfile --\nweb: uvicorn a:b\n" +
			"-- boot.sh --\nexec waitress-serve app:app\n-- compose.yml --\nservices: {f: {command: celery flower}}\n-- gunicorn.conf.py --\nbind = ''\n", "left"},
		{"another spelling", "-- deps: django-rest-framework djangorestframework left --\n-- app.py --\nimport rest_framework\n", "left"},
		{"may be what is imported", "-- deps: acme-things gunicorn --\n-- app.py --\nimport kernel\n", "gunicorn"},
		{"loaded by name", "-- deps: django psycopg pandas openpyxl left --\n-- app.py --\nimport django, pandas\n", "left"},
		{"loaded by what is not there", "-- deps: pandas psycopg --\n-- app.py --\nimport pandas\n", "psycopg"},
		{"its extra is used", "-- deps: psycopg[pool] left --\n-- app.py --\nimport psycopg_pool\n", "left"},
		{"Cython", "-- deps: cython numpy scipy left --\n-- app.py --\nimport fast\n-- fast.pyx --\ncimport numpy as np\nfrom scipy.linalg cimport cython_blas\ncdef int f(): return 1\n", "left"},
		{"a setting names its module", "-- deps: django django-widget-tweaks whitenoise2 left --\n-- app.py --\nimport django\nINSTALLED_APPS = ['widget_tweaks']\nMIDDLEWARE = ['whitenoise.middleware.X']\n", "left"},
		{"for what is gone", "-- deps: setuptools legacy-cgi left --\n-- app.py --\nimport distutils, cgi\n", "left"},
		{"there for another", "-- requirements.txt --\nflask==3\n    # via -r requirements.in\nzipp==3\n    # via\n    #   importlib-metadata\n    #   flask\nleft==1\n    # via\n    #   -r requirements.in\n    #   flask\n-- app.py --\nimport flask\n", "left"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := check.Project(context.Background(), folder(tt.files), deps.Options{})
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range c.Problems {
				if p.Rule == "unused-dependency" {
					got = append(got, p.Distribution)
				}
			}
			if diff := cmp.Diff(tt.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}
