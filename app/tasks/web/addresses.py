"""Keeps the web tasks away from private addresses, checked on the address that is really connected to.

A name is resolved once, all its addresses are checked, and the connection goes to a checked one. So a
redirect, an IPv6 spelling or a name that changes between check and use (DNS rebinding) does not pass.
"""

import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

GLOBAL_UNICAST = IPv6Network("2000::/3")
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits

Allowed = Callable[[str], bool]


class AddressRefused(ValueError):
    """The address is private, loopback or otherwise not of the public internet."""


def is_public(address: str) -> bool:
    """Whether a numeric address belongs to the public internet, also where IPv6 wraps an IPv4 address."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return ip.is_global and not ip.is_multicast
    inner = _wrapped(ip)
    if inner is not None:
        return is_public(str(inner))
    return ip in GLOBAL_UNICAST and ip.is_global


def _wrapped(ip: IPv6Address) -> IPv4Address | None:
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    teredo = ip.teredo
    return ip.ipv4_mapped or ip.sixtofour or (teredo[1] if teredo else None)


def guarded_session(allowed: Allowed = is_public) -> requests.Session:
    """A session that connects only to allowed addresses.

    It ignores proxy variables and .netrc: a proxy would resolve the name itself, after the check.
    """
    session = requests.Session()
    session.trust_env = False
    session.mount("http://", _GuardedAdapter(allowed))
    session.mount("https://", _GuardedAdapter(allowed))
    return session


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._allowed)


def _pool_classes(allowed: Allowed) -> dict[str, type[HTTPConnectionPool]]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, allowed)

    class SecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, allowed)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


def _connect(connection: HTTPConnection, allowed: Allowed) -> socket.socket:
    """urllib3's own `_new_conn`, with the check between resolving and connecting."""
    host, timeout = connection.host, connection.timeout
    try:
        last: OSError | None = None
        for address in _checked_addresses(host, connection.port, allowed):
            try:
                return create_connection(
                    (address, connection.port), timeout, connection.source_address, connection.socket_options
                )
            except OSError as error:
                last = error
        raise last or OSError("the name has no address")
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"{host} did not answer within {timeout} s") from error
    except OSError as error:
        raise NewConnectionError(connection, f"{host} could not be connected to: {error}") from error


def _checked_addresses(host: str, port: int, allowed: Allowed) -> list[str]:
    """The addresses of a name; one that is not allowed refuses the name as a whole."""
    found = socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    refused = [address for address in addresses if not allowed(address)]
    if refused:
        raise AddressRefused(
            f"{host} is at {refused[0]}, which is not a public address. "
            "The setting HTTP_ALLOW_PRIVATE allows such addresses."
        )
    return addresses
