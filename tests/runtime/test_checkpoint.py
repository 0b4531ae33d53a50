from __future__ import annotations

import errno
import json
import os
import shutil
import signal
from pathlib import Path

import pytest
import torch
from safetensors import safe_open

from guerdon.errors import MachineError, RunError
from guerdon.runtime import manifest
from guerdon.runtime.checkpoint import load, newest, pin, pinned, save
from guerdon.runtime.files import Disk


def content(step: int):
    g = torch.Generator().manual_seed(step)
    tensors = {
        "policy": {"w": torch.randn(3, 5, generator=g), "b": torch.randn(5, generator=g).double()},
        "optimizer": {"state.0.step": torch.tensor(float(step))},
    }
    return tensors, {"step": step, "sampler": {"position": 2**60 + step}, "rng": g}


def write(folder, step, **kwargs):
    return save(folder, step, *content(step), **kwargs)


def is_content(found, step) -> bool:
    tensors, state = content(step)
    same = all(torch.equal(found.tensors[g][n], t) for g, group in tensors.items() for n, t in group.items())
    rng = torch.equal(found.state["rng"], state["rng"].get_state())
    return same and rng and found.step == found.state["step"] == step


def names(folder) -> list[str]:
    return sorted(os.listdir(folder))


def test_round_trip_and_files(tmp_path):
    path = write(tmp_path, 50)
    assert path.name == "step-00000050"
    assert names(path) == ["manifest.json", "optimizer.safetensors", "policy.safetensors", "state.json"]
    found = newest(tmp_path)
    assert is_content(found, 50)
    assert found.notes == ()
    assert found.state["sampler"]["position"] == 2**60 + 50
    with safe_open(path / "policy.safetensors", "pt") as file:
        assert sorted(file.keys()) == ["b", "w"]


def test_the_same_state_gives_the_same_bytes(tmp_path):
    a, b = write(tmp_path / "a", 50), write(tmp_path / "b", 50)
    assert [(a / n).read_bytes() for n in names(a)] == [(b / n).read_bytes() for n in names(b)]


@pytest.mark.parametrize(
    "tensor",
    [
        torch.tensor(3.5),
        torch.zeros(0, 4),
        torch.arange(6).reshape(2, 3).T,
        torch.tensor([True, False, True]),
        torch.tensor([float("nan"), float("inf"), -0.0]),
        torch.randn(7, generator=torch.Generator().manual_seed(0)).bfloat16(),
        torch.tensor([-(2**63), 2**63 - 1]),
    ],
)
def test_every_tensor_comes_back_bit_for_bit(tmp_path, tensor):
    back = load(save(tmp_path, 1, {"g": {"odd": torch.zeros(3, dtype=torch.uint8), "t": tensor}}, {})).tensors["g"]["t"]
    assert back.dtype == tensor.dtype
    assert back.shape == tensor.shape
    if tensor.numel():
        assert torch.equal(back.reshape(-1).view(torch.uint8), tensor.contiguous().reshape(-1).view(torch.uint8))


def test_tied_weights_and_gradients_are_no_obstacle(tmp_path):
    w = torch.nn.Parameter(torch.ones(2, 2))
    back = load(save(tmp_path, 1, {"policy": {"embed": w, "head": w, "row": w[0]}}, {})).tensors["policy"]
    assert {n: t.tolist() for n, t in back.items()} == {
        "embed": [[1.0, 1.0]] * 2, "head": [[1.0, 1.0]] * 2, "row": [1.0, 1.0],
    }  # fmt: skip


def test_the_last_and_the_pinned_are_kept(tmp_path):
    for step in (10, 20, 30, 40):
        path = write(tmp_path, step, keep=2)
        if step == 10:
            pin(path)
    assert names(tmp_path) == ["pins.json", "step-00000010", "step-00000030", "step-00000040"]
    assert pinned(tmp_path) == tmp_path / "step-00000010"
    pin(tmp_path / "step-00000040")
    write(tmp_path, 50, keep=2)
    assert names(tmp_path) == ["pins.json", "step-00000040", "step-00000050"]
    assert pinned(tmp_path, "other") is None


def test_saving_an_earlier_step_gives_up_the_later_ones(tmp_path):
    for step in (10, 20, 30):
        write(tmp_path, step, keep=3)
    write(tmp_path, 15, keep=3)
    assert names(tmp_path) == ["step-00000010", "step-00000015"]


def test_saving_the_same_step_again_replaces_it(tmp_path):
    write(tmp_path, 10)
    save(tmp_path, 10, {}, {"again": True})
    assert names(tmp_path) == ["step-00000010"]
    assert newest(tmp_path).state == {"again": True}


def test_nothing_saved_is_none(tmp_path):
    assert newest(tmp_path) is None
    assert newest(tmp_path / "missing") is None


# ---- damage


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 0x10
    path.write_bytes(data)


@pytest.mark.parametrize("name", ["policy.safetensors", "optimizer.safetensors", "state.json", "manifest.json"])
def test_a_flipped_byte_anywhere_is_noticed(tmp_path, name):
    write(tmp_path, 25)
    path = write(tmp_path, 50)
    whole = (path / name).read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        flip(path / name, at)
        if name == "manifest.json" and json_or_none(path / name) == json.loads(whole):
            continue  # white space
        found = newest(tmp_path)
        assert is_content(found, 25), f"byte {at}"
        assert len(found.notes) == 1
        assert found.notes[0].startswith("step-00000050: ")
        (path / name).write_bytes(whole)
    assert is_content(newest(tmp_path), 50)


def json_or_none(path):
    try:
        return json.loads(path.read_bytes())
    except ValueError:
        return None


def damage_missing(path):
    (path / "policy.safetensors").unlink()


def damage_no_manifest(path):
    (path / "manifest.json").unlink()


def damage_cut(path):
    os.truncate(path / "policy.safetensors", 20)


def damage_extra(path):
    (path / "other.safetensors").write_bytes(b"")


def damage_link(path):
    shutil.copy(path / "state.json", path.parent / "elsewhere.json")
    (path / "state.json").unlink()
    (path / "state.json").symlink_to(path.parent / "elsewhere.json")


def damage_version(path):
    data = json.loads((path / "manifest.json").read_text())
    (path / "manifest.json").write_text(json.dumps({**data, "v": 2}))


def damage_step(path):
    shutil.copytree(path, path.with_name("moved"))
    shutil.rmtree(path)
    os.rename(path.with_name("moved"), path.with_name("step-00000060"))


@pytest.mark.parametrize(
    ("damage", "note"),
    [
        (damage_missing, "step-00000050: policy.safetensors is missing"),
        (damage_no_manifest, "step-00000050: manifest.json is missing"),
        (damage_cut, "step-00000050: policy.safetensors has 20 bytes instead of"),
        (damage_extra, "step-00000050: other.safetensors is not in the manifest"),
        (damage_link, "step-00000050: the file name passes through the link 'state.json'"),
        (damage_version, "step-00000050: manifest.json has version 2 instead of 1"),
        (damage_step, "step-00000060: manifest.json is that of step 50"),
    ],
)
def test_damage_is_skipped_and_named(tmp_path, damage, note):
    write(tmp_path, 25)
    damage(write(tmp_path, 50))
    found = newest(tmp_path)
    assert is_content(found, 25)
    assert len(found.notes) == 1
    assert found.notes[0].startswith(note)
    assert any(text.startswith(note) for text in manifest.problems(tmp_path))


def test_when_none_can_be_trusted_it_is_an_error(tmp_path):
    damage_cut(write(tmp_path, 25))
    damage_missing(write(tmp_path, 50))
    with pytest.raises(RunError, match="no checkpoint") as caught:
        newest(tmp_path)
    assert "step-00000050" in caught.value.seen
    assert "step-00000025" in caught.value.seen


@pytest.mark.parametrize("key", ["../../outside", "/etc/passwd", "a/b", "..", ""])
def test_a_manifest_cannot_name_files_outside(tmp_path, key):
    path = write(tmp_path, 50)
    data = json.loads((path / "manifest.json").read_text())
    data["files"][key] = data["files"]["state.json"]
    (path / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(RunError):
        load(path)


@pytest.mark.parametrize(
    "text", ["[" * 1_000_000, "NaN", "[]", '{"v":1,"step":50,"files":[]}', '{"v":1,"step":50,"files":{"a":1}}', "\xff"]
)
def test_hostile_manifests_are_refused(tmp_path, text):
    path = write(tmp_path, 50)
    (path / "manifest.json").write_text(text, "latin-1")
    with pytest.raises(RunError):
        load(path)


@pytest.mark.parametrize(
    ("file", "data"),
    [
        ("policy.safetensors", b"\xff" * 64),
        ("policy.safetensors", b"\x80\x02cos\nsystem\n(S'touch hacked'\ntR."),
        ("state.json", b"[" * 1_000_000),
        ("state.json", b'{"x": NaN}'),
        ("state.json", b'{"x": {"$tensor": "float32", "shape": [9], "hex": "00"}}'),
        ("state.json", b'{"x": {"$tensor": "float32", "shape": [1], "hex": "zz"}}'),
        ("state.json", b'{"x": {"$call": "os.system"}}'),
    ],
)
def test_hostile_files_with_a_matching_manifest_are_refused(tmp_path, monkeypatch, file, data):
    monkeypatch.chdir(tmp_path)
    plain = {"state.json": [b"{}"], "policy.safetensors": [b"\x02\0\0\0\0\0\0\0{}"]}
    manifest.write_folder(tmp_path / "step-00000050", 50, {**plain, file: [data]})
    manifest.verify(tmp_path / "step-00000050")
    with pytest.raises(RunError, match=r"cannot be read|is not JSON"):
        load(tmp_path / "step-00000050")
    assert names(tmp_path) == ["step-00000050"]


@pytest.mark.parametrize("group", ["../x", "a/b", "", ".hidden", "a b", "ä", "x" * 200])
def test_groups_must_be_plain_names(tmp_path, group):
    with pytest.raises(RunError, match="cannot save"):
        save(tmp_path, 1, {group: {}}, {})
    assert names(tmp_path) == []


# ---- kills and full disks, at every single call that changes the disk


class Fault(Disk):
    """Counts the calls; at call ``at`` writes half of what it should (for a write) and then kills or fails."""

    def __init__(self, at: int, act):
        self.at, self.act, self.calls = at, act, []

    def _due(self, name: str) -> bool:
        self.calls.append(name)
        return len(self.calls) - 1 == self.at

    def mkdir(self, path):
        if self._due("mkdir"):
            self.act()
        super().mkdir(path)

    def create(self, path):
        if self._due(f"create {path.name}"):
            self.act()
        return super().create(path)

    def write(self, fd, data):
        if self._due("write"):
            os.write(fd, data[: len(data) // 2])
            self.act()
        return super().write(fd, data)

    def sync(self, fd):
        if self._due("sync"):
            self.act()
        super().sync(fd)

    def sync_folder(self, path):
        if self._due(f"sync_folder {path.name}"):
            self.act()
        super().sync_folder(path)

    def replace(self, old, new):
        if self._due(f"replace {new.name}"):
            self.act()
        super().replace(old, new)

    def remove(self, path):
        if self._due("remove"):
            # a folder that is half deleted
            for file in sorted(path.iterdir())[:2] if path.is_dir() else []:
                file.unlink()
            self.act()
        super().remove(path)


def die():
    os.kill(os.getpid(), signal.SIGKILL)


def full():
    raise OSError(errno.ENOSPC, "No space left on device")


def calls(folder, step) -> list[str]:
    disk = Fault(-1, die)
    write(folder, step, keep=2, disk=disk)
    return disk.calls


def test_the_order_of_calls(tmp_path):
    write(tmp_path, 25)
    made = calls(tmp_path, 50)
    written = [c.split()[1] for c in made if c.startswith("create")]
    assert written == ["policy.safetensors", "optimizer.safetensors", "state.json", "manifest.json"]
    rename = made.index("replace step-00000050")
    assert made.count("sync") == 4 == made[:rename].count("sync")
    assert made[rename - 1].startswith("sync_folder .tmp-")
    assert made[rename + 1] == f"sync_folder {tmp_path.name}"


# three earlier checkpoints: so that the deletion of old ones is under fire too
@pytest.mark.parametrize("again", [False, True], ids=["a new step", "the same step again"])
def test_a_kill_at_every_call_leaves_a_good_checkpoint(tmp_path, again):
    step = 40 if again else 50
    for s in (20, 30, 40):
        write(tmp_path / "model", s, keep=3)
    shutil.copytree(tmp_path / "model", tmp_path / "count")
    total = len(calls(tmp_path / "count", step))
    killed = 0
    for at in range(total):
        folder = tmp_path / f"kill-{at}"
        shutil.copytree(tmp_path / "model", folder)
        child = os.fork()
        if child == 0:
            write(folder, step, keep=2, disk=Fault(at, die))
            os._exit(0)
        _, status = os.waitpid(child, 0)
        killed += os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
        assert killed == at + 1
        found = newest(folder)
        assert is_content(found, found.step), f"call {at}"
        assert found.step in (40, step)
        assert found.notes == (), "a kill leaves nothing that looks like a checkpoint and is not"
        for text in manifest.problems(folder):
            assert "interrupted" in text
        write(folder, 60, keep=2)
        assert is_content(newest(folder), 60)
        assert manifest.problems(folder) == []
        assert not [n for n in names(folder) if n.startswith(".")]
        shutil.rmtree(folder)
    assert killed == total > 20


def test_a_full_disk_at_every_call_leaves_the_old_checkpoint(tmp_path):
    write(tmp_path / "model", 40)
    shutil.copytree(tmp_path / "model", tmp_path / "count")
    made = calls(tmp_path / "count", 50)
    for at in range(made.index("replace step-00000050") + 1):
        folder = tmp_path / f"full-{at}"
        shutil.copytree(tmp_path / "model", folder)
        with pytest.raises(MachineError, match="disk is full") as caught:
            write(folder, 50, disk=Fault(at, full))
        assert names(folder) == ["step-00000040"], f"call {at}"
        assert "intact: step-00000040 and everything before it" in caught.value.fix
        assert is_content(newest(folder), 40)


def test_a_real_full_disk(small_disk):
    def big(step):
        return {"policy": {"w": torch.full((100_000,), float(step))}}, {}

    folder = small_disk / "checkpoints"
    save(folder, 10, *big(10))
    for _ in range(20):
        save(folder, 20, *big(20), keep=1)
        with pytest.raises(MachineError, match=r"2\.0 MB needed, \d") as caught:
            save(folder, 30, {"policy": {"w": torch.ones(500_000)}}, {})
        assert "step-00000020" in caught.value.fix
        assert names(folder) == ["step-00000020"]
        assert newest(folder).tensors["policy"]["w"][0] == 20.0
    save(folder, 30, *big(30), keep=1)
    assert newest(folder).step == 30
