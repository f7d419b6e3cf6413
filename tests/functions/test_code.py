"""Zips on disk."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest
from bench import zipped

from dayfly.functions.code import CodeStore, mounted, pack
from dayfly.functions.errors import InvalidParameter


def archive(*entries):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as made:
        for name, content, mode in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            made.writestr(entry, content)
    return packed.getvalue()


def test_equal_zips_are_kept_once(tmp_path):
    store = CodeStore(tmp_path)
    data = zipped(app__py="x = 1")
    first, second = store.put(data), store.put(data)
    assert first == second
    assert store.directory_of(first).joinpath("app.py").read_text() == "x = 1"
    assert store.zip_of(first) == data
    assert first.size == len(data)


@pytest.mark.parametrize("name", ["../evil.py", "/etc/evil", "a/../../evil"])
def test_an_entry_that_leads_out_is_refused(tmp_path, name):
    with pytest.raises(InvalidParameter, match="leads out"):
        CodeStore(tmp_path / "code").put(archive((name, "x", 0o644)))
    assert not (tmp_path / "evil.py").exists()


def test_a_link_that_leads_out_is_refused(tmp_path):
    with pytest.raises(InvalidParameter, match="leads out"):
        CodeStore(tmp_path).put(archive(("link", "../../etc", stat.S_IFLNK | 0o777)))


def test_executables_stay_executable_and_links_inside_work(tmp_path):
    store = CodeStore(tmp_path)
    code = store.put(archive(("bootstrap", "#!/bin/sh", 0o755), ("again", "bootstrap", stat.S_IFLNK | 0o777)))
    root = store.directory_of(code)
    assert root.joinpath("bootstrap").stat().st_mode & 0o777 == 0o755
    assert root.joinpath("again").read_text() == "#!/bin/sh"


def test_what_is_no_zip_is_refused_in_aws_words(tmp_path):
    with pytest.raises(InvalidParameter, match="Could not unzip uploaded file"):
        CodeStore(tmp_path).put(b"nonsense")


def test_a_cleared_directory_is_unpacked_again(tmp_path):
    import shutil

    store = CodeStore(tmp_path)
    code = store.put(zipped(app__py="x = 1"))
    shutil.rmtree(store.directory_of(code))
    assert store.directory_of(code).joinpath("app.py").exists()


def test_a_mounted_directory_is_packed_when_its_zip_is_wanted(tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("x = 1")
    code = mounted(str(tmp_path / "src"))
    data = CodeStore(tmp_path / "store").zip_of(code)
    assert zipfile.ZipFile(io.BytesIO(data)).namelist() == ["app.py"]
    assert pack(tmp_path / "src") == data
    with pytest.raises(InvalidParameter):
        mounted("relative")
