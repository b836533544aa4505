import pytest

docx = pytest.importorskip("docx", reason="the extra `reports` is not installed")
pytest.importorskip("matplotlib", reason="the extra `reports` is not installed")


def test_report(loaded, tmp_path):
    target = tmp_path / "report.docx"
    loaded("report", target, "--title", "Our machines")
    document = docx.Document(str(target))
    assert document.paragraphs[0].text == "Our machines"
    assert document.paragraphs[1].text.startswith("200 machines")
    assert len(document.tables) == 3
    assert len(document.inline_shapes) == 1
