"""Commands on places: members of a sorted set whose scores are their longitude and latitude."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred

from ..._checks import shown
from ..._types import Argument, Key, Number, Reply, Result, Text, V
from ...exceptions import InvalidData
from .._parts import CommandHost, as_float, errors_to_deferred, exclusive, flags

__all__ = ["GeoCommands", "found_places", "positions"]

#: Longitude, latitude and member, alternating, as GEOADD takes them.
_PER_PLACE = 3


class GeoCommands(CommandHost[V]):
    """Commands of Redis's group "geo".

    A unit is ``"m"``, ``"km"``, ``"ft"`` or ``"mi"``. Coordinates are a tuple ``(longitude, latitude)`` of floats in
    degrees.
    """

    __slots__ = ()

    def geoadd(
        self, key: Key, values: Sequence[Argument], nx: bool = False, xx: bool = False, ch: bool = False
    ) -> Deferred[int]:
        """Add places to a sorted set, which is created if it does not exist, or move them.

        :param key: key of the sorted set.
        :param values: longitude, latitude and member of each place, alternating.
        :param nx: only add places, move none (*nx*, *xx* and *ch*: Redis 6.2).
        :param xx: only move places, add none.
        :param ch: count moved places, too.
        :returns: fires with the number of new places. Fails with :exc:`.InvalidData` if *values* is not a multiple of
            three.

        https://redis.io/commands/geoadd/, since 3.2.0
        """
        if not isinstance(values, (list, tuple)) or not values or len(values) % _PER_PLACE:
            what = "a list of longitude, latitude and member of each place, alternating"
            return self._refuse(InvalidData(f"values of geoadd must be {what}, not {shown(values)}"))
        if nx and xx:
            return self._refuse(InvalidData("nx and xx of geoadd cannot be given together"))
        return self.execute_command("GEOADD", key, *flags(nx=nx, xx=xx, ch=ch), *values)

    def geodist(self, key: Key, place1: Argument, place2: Argument, unit: str | None = None) -> Deferred[float | None]:
        """Compute the distance of two places.

        :param key: key of the sorted set.
        :param place1: a member.
        :param place2: another member.
        :param unit: None: metres.
        :returns: fires with a float, or None if a member does not exist.

        https://redis.io/commands/geodist/, since 3.2.0
        """
        units = () if unit is None else (unit,)
        return self.execute_command("GEODIST", key, place1, place2, *units, post_proc=as_float)

    def geohash(self, key: Key, *values: Argument) -> Deferred[list[Text | None]]:
        """Get the geohashes of places: short texts, of which nearby ones begin alike.

        :param key: key of the sorted set.
        :param values: the members.
        :returns: fires with a list of texts in the order of the members; None where a member does not exist.

        https://redis.io/commands/geohash/, since 3.2.0
        """
        return self.execute_command("GEOHASH", key, *values)

    def geopos(self, key: Key, *values: Argument) -> Deferred[list[tuple[float, float] | None]]:
        """Get the coordinates of places.

        :param key: key of the sorted set.
        :param values: the members.
        :returns: fires with a list of tuples ``(longitude, latitude)`` in the order of the members; None where a member
            does not exist.

        https://redis.io/commands/geopos/, since 3.2.0
        """
        return self.execute_command("GEOPOS", key, *values, post_proc=positions)

    @errors_to_deferred
    def geosearch(
        self,
        key: Key,
        member: Argument | None = None,
        longitude: Number | None = None,
        latitude: Number | None = None,
        unit: str = "m",
        radius: Number | None = None,
        width: Number | None = None,
        height: Number | None = None,
        sort: str | None = None,
        count: int | None = None,
        any: bool = False,
        withcoord: bool = False,
        withdist: bool = False,
        withhash: bool = False,
        *,
        polygon: Sequence[Number] | None = None,
    ) -> Deferred[list[Any]]:
        """Find the places in a circle, a rectangle or a polygon.

        :param key: key of the sorted set.
        :param member: a place at the centre; or *longitude* and *latitude*.
        :param longitude: of the centre.
        :param latitude: of the centre.
        :param unit: of *radius*, *width*, *height* and the distances.
        :param radius: of the circle; or *width* and *height*.
        :param width: of the rectangle, which is aligned to the axes.
        :param height: of the rectangle.
        :param sort: ``"ASC"``: the nearest first, ``"DESC"``: the farthest first. None: in no order.
        :param count: maximum number of places, the nearest.
        :param any: with *count*, the first ones that are found, not the nearest.
        :param withcoord: whether to return the coordinates, too.
        :param withdist: whether to return the distance from the centre, too.
        :param withhash: whether to return the score, too.
        :param polygon: longitude and latitude of each corner, alternating, instead of a centre (Valkey 9.0).
        :returns: fires with a list of members; with flags, of tuples ``(member, distance, score, coordinates)`` with
            the parts that were asked for, in this order. Fails with :exc:`.InvalidData` if there is not exactly one
            centre and one shape.

        https://redis.io/commands/geosearch/, since 6.2.0
        """
        arguments = _area(member, longitude, latitude, unit, radius, width, height, polygon)
        arguments += _selection(sort, count, any)
        arguments += flags(withcoord=withcoord, withdist=withdist, withhash=withhash)
        return self.execute_command("GEOSEARCH", key, *arguments, post_proc=found_places)

    @errors_to_deferred
    def geosearchstore(
        self,
        dest: Key,
        key: Key,
        member: Argument | None = None,
        longitude: Number | None = None,
        latitude: Number | None = None,
        unit: str = "m",
        radius: Number | None = None,
        width: Number | None = None,
        height: Number | None = None,
        sort: str | None = None,
        count: int | None = None,
        any: bool = False,
        storedist: bool = False,
        *,
        polygon: Sequence[Number] | None = None,
    ) -> Deferred[int]:
        """Find the places in a circle, a rectangle or a polygon, and store them.

        :param dest: key of the result, a sorted set; an existing value is replaced.
        :param key: key of the sorted set.
        :param member: a place at the centre; or *longitude* and *latitude*.
        :param longitude: of the centre.
        :param latitude: of the centre.
        :param unit: of *radius*, *width*, *height* and the distances.
        :param radius: of the circle; or *width* and *height*.
        :param width: of the rectangle, which is aligned to the axes.
        :param height: of the rectangle.
        :param sort: ``"ASC"``: the nearest first, ``"DESC"``: the farthest first. None: in no order.
        :param count: maximum number of places, the nearest.
        :param any: with *count*, the first ones that are found, not the nearest.
        :param storedist: store the distances as scores, not the places.
        :param polygon: as of :meth:`geosearch` (Valkey 9.0).
        :returns: fires with the number of places stored. Fails with :exc:`.InvalidData` if there is not exactly one
            centre and one shape.

        https://redis.io/commands/geosearchstore/, since 6.2.0
        """
        arguments = _area(member, longitude, latitude, unit, radius, width, height, polygon)
        arguments += _selection(sort, count, any)
        return self.execute_command("GEOSEARCHSTORE", dest, key, *arguments, *flags(storedist=storedist))

    @errors_to_deferred
    def georadius(
        self,
        key: Key,
        longitude: Number,
        latitude: Number,
        radius: Number,
        unit: str = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: str | None = None,
        store: Key | None = None,
        store_dist: Key | None = None,
        any: bool = False,
        *,
        read_only: bool = False,
    ) -> Deferred[Any]:
        """Find the places in a circle around coordinates. Deprecated by the servers: use :meth:`geosearch`.

        :param key: key of the sorted set.
        :param longitude: of the centre.
        :param latitude: of the centre.
        :param radius: of the circle.
        :param unit: of *radius* and the distances.
        :param withdist: whether to return the distance from the centre, too.
        :param withcoord: whether to return the coordinates, too.
        :param withhash: whether to return the score, too.
        :param count: maximum number of places, the nearest.
        :param sort: ``"ASC"``: the nearest first, ``"DESC"``: the farthest first. None: in no order.
        :param store: key of a sorted set that receives the places.
        :param store_dist: key of a sorted set that receives the places with their distances as scores.
        :param any: with *count*, the first ones that are found, not the nearest (Redis 6.2).
        :param read_only: send GEORADIUS_RO, which replicas execute, too; not with *store* or *store_dist*.
        :returns: fires with places as :meth:`geosearch` does, or, with *store* or *store_dist*, with the number of
            places stored.

        https://redis.io/commands/georadius/, since 3.2.0
        """
        exclusive("georadius", read_only=read_only, store=store is not None, store_dist=store_dist is not None)
        circle = (longitude, latitude, radius, unit)
        command = "GEORADIUS_RO" if read_only else "GEORADIUS"
        arguments = _radius_options(withdist, withcoord, withhash, count, sort, store, store_dist, any)
        return self.execute_command(command, key, *circle, *arguments, post_proc=found_places)

    @errors_to_deferred
    def georadiusbymember(
        self,
        key: Key,
        member: Argument,
        radius: Number,
        unit: str = "m",
        withdist: bool = False,
        withcoord: bool = False,
        withhash: bool = False,
        count: int | None = None,
        sort: str | None = None,
        store: Key | None = None,
        store_dist: Key | None = None,
        any: bool = False,
        *,
        read_only: bool = False,
    ) -> Deferred[Any]:
        """Find the places in a circle around a place. Deprecated by the servers: use :meth:`geosearch`.

        :param key: key of the sorted set.
        :param member: the place at the centre.
        :param radius: of the circle.
        :param unit: of *radius* and the distances.
        :param withdist: whether to return the distance from the centre, too.
        :param withcoord: whether to return the coordinates, too.
        :param withhash: whether to return the score, too.
        :param count: maximum number of places, the nearest.
        :param sort: ``"ASC"``: the nearest first, ``"DESC"``: the farthest first. None: in no order.
        :param store: key of a sorted set that receives the places.
        :param store_dist: key of a sorted set that receives the places with their distances as scores.
        :param any: with *count*, the first ones that are found, not the nearest (Redis 6.2).
        :param read_only: send GEORADIUSBYMEMBER_RO, which replicas execute, too; not with *store* or *store_dist*.
        :returns: fires with places as :meth:`geosearch` does, or, with *store* or *store_dist*, with the number of
            places stored.

        https://redis.io/commands/georadiusbymember/, since 3.2.0
        """
        exclusive("georadiusbymember", read_only=read_only, store=store is not None, store_dist=store_dist is not None)
        command = "GEORADIUSBYMEMBER_RO" if read_only else "GEORADIUSBYMEMBER"
        arguments = _radius_options(withdist, withcoord, withhash, count, sort, store, store_dist, any)
        return self.execute_command(command, key, member, radius, unit, *arguments, post_proc=found_places)


def _area(
    member: Argument | None,
    longitude: Number | None,
    latitude: Number | None,
    unit: str,
    radius: Number | None,
    width: Number | None,
    height: Number | None,
    polygon: Sequence[Number] | None,
) -> list[Argument]:
    arguments: list[Argument] = []
    if member is not None and longitude is latitude is None:
        arguments += ("FROMMEMBER", member)
    elif member is None and longitude is not None and latitude is not None:
        arguments += ("FROMLONLAT", longitude, latitude)
    elif polygon is None or (member, longitude, latitude) != (None, None, None):
        raise InvalidData("the centre must be either member, or longitude and latitude")
    if polygon is not None and radius is width is height is None and not arguments:
        if len(polygon) % 2:
            raise InvalidData("polygon must be longitude, latitude, alternating")
        arguments += ("BYPOLYGON", len(polygon) // 2, *polygon)
    elif polygon is None and radius is not None and width is height is None:
        arguments += ("BYRADIUS", radius, unit)
    elif polygon is None and radius is None and width is not None and height is not None:
        arguments += ("BYBOX", width, height, unit)
    else:
        raise InvalidData("the shape must be either radius, or width and height, or polygon without a centre")
    return arguments


def _selection(sort: str | None, count: int | None, any_of_them: bool) -> list[Argument]:
    arguments: list[Argument] = []
    if sort is not None:
        arguments.append(sort)
    if count is not None:
        arguments += ("COUNT", count, *flags(any=any_of_them))
    elif any_of_them:
        raise InvalidData("any needs count")
    return arguments


def _radius_options(
    withdist: bool,
    withcoord: bool,
    withhash: bool,
    count: int | None,
    sort: str | None,
    store: Key | None,
    store_dist: Key | None,
    any_of_them: bool,
) -> list[Argument]:
    arguments: list[Argument] = [*flags(withdist=withdist, withcoord=withcoord, withhash=withhash)]
    selection = _selection(None, count, any_of_them)
    arguments += selection
    if sort is not None:
        arguments.append(sort)
    if store is not None:
        arguments += ("STORE", store)
    if store_dist is not None:
        arguments += ("STOREDIST", store_dist)
    return arguments


def positions(reply: Reply) -> Reply:
    """Convert the coordinates of GEOPOS to a list of tuples of floats."""
    return [_coordinates(each) for each in reply] if isinstance(reply, list) else reply


def found_places(reply: Reply) -> Reply:
    """Convert what a search found to a list of members, or of tuples of a member and what was asked for of it.

    The server sends the distance as text, the score as an integer and the coordinates as a list, in this order.
    """
    if not isinstance(reply, list) or not reply or not isinstance(reply[0], list):
        return reply
    return [(member, *map(_part, parts)) for member, *parts in reply]


def _part(part: Reply) -> Result:
    return _coordinates(part) if isinstance(part, list) else as_float(part)


def _coordinates(pair: Reply) -> tuple[float, ...] | None:
    return None if pair is None else tuple(map(float, pair))
