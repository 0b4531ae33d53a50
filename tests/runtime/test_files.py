from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from guerdon.errors import DataError, MachineError
from guerdon.runtime.files import Disk, atomic_write, disk_errors, free_bytes, inside, write_new


class Recorder(Disk):
    """Writes down every call; fails the one whose number is ``fail_at``."""

    def __init__(self, fail_at: int = -1, code: int = errno.ENOSPC):
        self.calls: list[str] = []
        self.fail_at, self.code = fail_at, code

    def _step(self, name: str) -> None:
        self.calls.append(name)
        if len(self.calls) - 1 == self.fail_at:
            raise OSError(self.code, os.strerror(self.code))

    def create(self, path: Path) -> int:
        self._step("create")
        return super().create(path)

    def write(self, fd: int, data: memoryview) -> int:
        # short writes, as a nearly full disk makes them
        self._step("write")
        return super().write(fd, data[:3])

    def sync(self, fd: int) -> None:
        self._step("sync")
        super().sync(fd)

    def sync_folder(self, path: Path) -> None:
        self._step("sync_folder")
        super().sync_folder(path)

    def replace(self, old: Path, new: Path) -> None:
        self._step("replace")
        super().replace(old, new)


def test_content_is_flushed_before_the_name_and_the_name_before_the_return(tmp_path):
    disk = Recorder()
    atomic_write(tmp_path / "a.json", b"1234567", disk=disk)
    assert disk.calls == ["create", "write", "write", "write", "sync", "replace", "sync_folder"]
    assert (tmp_path / "a.json").read_bytes() == b"1234567"


@pytest.mark.parametrize("step", range(6))
def test_a_failure_at_any_step_leaves_the_old_file_and_no_temporary_one(tmp_path, step):
    target = atomic_write(tmp_path / "a.json", "old")
    with pytest.raises(MachineError, match="disk is full") as caught:
        atomic_write(target, b"1234567", disk=Recorder(fail_at=step))
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["a.json"]
    assert "7 B needed" in caught.value.what
    assert "intact: the old a.json" in caught.value.fix
    assert caught.value.exit_code == 3


def test_a_real_full_disk(small_disk):
    target = atomic_write(small_disk / "report.html", b"old" * 1000)
    with pytest.raises(MachineError, match=r"2\.0 MB needed") as caught:
        atomic_write(target, b"x" * 2_000_000)
    assert target.read_bytes() == b"old" * 1000
    assert os.listdir(small_disk) == ["report.html"]
    assert str(target) in str(caught.value)
    assert 0 < free_bytes(small_disk) < 1 << 20
    assert atomic_write(target, b"fits").read_bytes() == b"fits"


def test_other_errors_keep_their_meaning(tmp_path):
    with pytest.raises(MachineError, match="cannot write here: Permission denied"):
        atomic_write(tmp_path / "a", b"x", disk=Recorder(fail_at=0, code=errno.EACCES))
    with pytest.raises(FileNotFoundError):
        atomic_write(tmp_path / "missing" / "a", b"x")
    with pytest.raises(KeyError), disk_errors(tmp_path, needed=0, intact=""):
        raise KeyError("not about the disk")


def test_a_link_is_replaced_and_its_target_untouched(tmp_path):
    (tmp_path / "secret").write_text("keep")
    (tmp_path / "a").symlink_to(tmp_path / "secret")
    atomic_write(tmp_path / "a", "new")
    assert (tmp_path / "secret").read_text() == "keep"
    assert not (tmp_path / "a").is_symlink()
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "a", [b"x"])


def test_names_inside_are_joined(tmp_path):
    assert inside(tmp_path, "a/b.json") == tmp_path / "a" / "b.json"
    assert inside(tmp_path, "./a") == tmp_path / "a"


@pytest.mark.parametrize(
    "name", ["", ".", "..", "../x", "a/../../x", "/etc/passwd", "C:/x", "C:x", "a\\..\\x", "a\0b", "a\nb", "\x7f"]
)
def test_names_that_leave_are_refused(tmp_path, name):
    with pytest.raises(DataError, match="the file name"):
        inside(tmp_path, name)


def test_links_are_refused_and_a_linked_root_is_not(tmp_path):
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "out").symlink_to("/etc")
    (tmp_path / "alias").symlink_to(tmp_path / "root")
    for name in ("out", "out/passwd"):
        with pytest.raises(DataError, match="passes through the link 'out'"):
            inside(tmp_path / "root", name)
    assert inside(tmp_path / "alias", "x").name == "x"
