import json

import pandas as pd
import pytest
from click.testing import CliRunner
from conftest import CSV, XLSX

COMMANDS = ["anonymize", "dashboard", "export", "list", "load", "report", "summary"]


def test_help_names_every_command(run):
    output = run("--help")
    for command in COMMANDS:
        assert f"  {command} " in output


@pytest.mark.parametrize("source", [CSV, XLSX], ids=["csv", "xlsx"])
def test_load(run, source):
    assert run("load", source).startswith("200 machines loaded")


def test_list(loaded):
    assert len(loaded("list").splitlines()) == 200
    assert len(loaded("list", "--limit", 7).splitlines()) == 7
    assert all("poweredOff" in line for line in loaded("list", "--power", "poweredOff").splitlines())


def test_summary(loaded):
    assert "Suedtor" in loaded("summary", "--by", "datacenter")


def test_summary_of_nothing(url):
    from src.cli import cli

    result = CliRunner().invoke(cli, ["summary"])
    assert result.exit_code == 1
    assert "load an export first" in result.output


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_what_is_exported_can_be_loaded(loaded, tmp_path, ending):
    target = tmp_path / f"out.{ending}"
    loaded("export", target)
    assert loaded("load", "--replace", target).startswith("200 machines")


def test_export_json(loaded, tmp_path):
    loaded("export", tmp_path / "out.json")
    assert len(json.loads((tmp_path / "out.json").read_text())) == 200


def test_anonymize_keeps_groups_and_no_name(loaded, tmp_path):
    target = tmp_path / "anonymous.csv"
    loaded("anonymize", target, "--salt", "pepper")
    before, after = pd.read_csv(CSV), pd.read_csv(target)
    for column in ["VM", "Host", "Owner", "Primary IP", "Cluster", "Datacenter"]:
        assert not set(before[column].dropna()) & set(after[column].dropna())
        assert before[column].nunique() == after[column].nunique()
    assert before["CPUs"].sum() == after["CPUs"].sum()
