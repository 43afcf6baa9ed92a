"""Files to download into, and what a download leaves beside them."""

from __future__ import annotations

from pathlib import Path

from urlrequest._content import resumable_file

__all__ = ["OLD", "make_target", "names_beside", "names_in", "part_paths"]

OLD = b"the old content"


def make_target(parent: Path) -> Path:
    """A file with old content, alone in its folder."""
    folder = parent / "folder"
    folder.mkdir()
    path = folder / "target"
    path.write_bytes(OLD)
    return path


def names_in(folder: Path) -> list[str]:
    """The names of all that is in a folder, in order."""
    return sorted(entry.name for entry in folder.iterdir())


def names_beside(path: Path) -> list[str]:
    """The names of all that is in the file's folder, in order."""
    return names_in(path.parent)


def part_paths(path: Path) -> tuple[Path, Path]:
    """The part file and the sidecar of a target, wherever the library puts them."""
    part, sidecar = resumable_file.part_paths(str(path))
    return Path(part), Path(sidecar)
