"""Record: a small value with named parts."""

from __future__ import annotations

from urlrequest._record import Record


class Point(Record):
    __slots__ = ("x", "y")

    def __init__(self, x: int, y: int) -> None:
        self.x = x
        self.y = y


class Size(Point):
    __slots__ = ()


def test_records_are_equal_by_their_parts() -> None:
    """Records of one class with equal parts are equal and have one hash; a record equals nothing of another class."""
    assert Point(1, 2) == Point(1, 2)
    assert 1 == len({Point(1, 2), Point(1, 2)})
    assert Point(1, 2) != Point(2, 1)
    assert Point(1, 2) != (1, 2)
    assert Point(1, 2) != Size(1, 2)


def test_replace_leaves_the_record_as_it_is() -> None:
    """replace() makes another record, of the same class."""
    point = Point(1, 2)

    assert (Point(1, 3), Point(1, 2)) == (point.replace(y=3), point)


def test_a_record_shows_its_parts() -> None:
    """The representation has the names and the values."""
    assert "Point(x=1, y=2)" == repr(Point(1, 2))
