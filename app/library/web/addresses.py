"""Keeps the web tasks away from private addresses, checked on the address that is really connected to.

A name is resolved once, all its addresses are checked, and the connection goes to a checked one. So a
redirect, an IPv6 spelling or a name that changes between check and use (DNS rebinding) does not pass.
"""

import socket
import threading
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from urllib3.util.connection import create_connection

from app.library.web.deadline import Deadline

# IANA's special-purpose registries, as of 2024, and multicast. A list of our own: what Python calls global
# differs between its versions. What no ordinary server has is refused, though some of it is routed.
SPECIAL_IPV4 = [
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a provider's customers; some clouds' metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # Azure's own services, from every machine of it
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments; some clouds' metadata
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
]
GLOBAL_UNICAST = IPv6Network("2000::/3")  # all else is special: loopback, link-local, unique local, SRv6 …
SPECIAL_IPV6 = [
    IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo and benchmarks among them
        "2001:db8::/32",  # documentation
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
]
NAT64 = IPv6Network("64:ff9b::/96")  # RFC 6052: an IPv4 address in the last 32 bits

Allowed = Callable[[str], bool]


class AddressRefused(ValueError):
    """The address is private, loopback or otherwise not of the public internet."""


def is_public(address: str) -> bool:
    """Whether a numeric address belongs to the public internet, also where IPv6 wraps an IPv4 address."""
    ip = ip_address(address.partition("%")[0])
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in SPECIAL_IPV4)
    inner = _wrapped(ip)
    if inner is not None:
        return is_public(str(inner))
    return ip in GLOBAL_UNICAST and not any(ip in network for network in SPECIAL_IPV6)


def _wrapped(ip: IPv6Address) -> IPv4Address | None:
    if ip in NAT64:
        return IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour


def anything(address: str) -> bool:
    """For a deployment that allows private addresses."""
    return True


def guard(session: requests.Session, allowed: Allowed, deadline: Deadline) -> None:
    """Let a session connect only to allowed addresses, and only until the deadline.

    Unless anything is allowed it ignores proxy variables and .netrc: a proxy would resolve the name itself,
    after the check.
    """
    session.trust_env = allowed is anything
    session.mount("http://", _GuardedAdapter(allowed, deadline))
    session.mount("https://", _GuardedAdapter(allowed, deadline))


class _GuardedAdapter(HTTPAdapter):
    def __init__(self, allowed: Allowed, deadline: Deadline) -> None:
        self._classes = _pool_classes(allowed, deadline)
        super().__init__()

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        self.poolmanager = PoolManager(num_pools=connections, maxsize=maxsize, block=block, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._classes

    def proxy_manager_for(self, proxy: str, **proxy_kwargs: Any) -> Any:
        manager = super().proxy_manager_for(proxy, **proxy_kwargs)
        if not proxy.lower().startswith("socks"):  # those have connection classes of their own
            manager.pool_classes_by_scheme = self._classes
        return manager


def _pool_classes(allowed: Allowed, deadline: Deadline) -> dict[str, type[HTTPConnectionPool]]:
    class Connection(HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, allowed, deadline)

    class SecureConnection(HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _connect(self, allowed, deadline)

    class Pool(HTTPConnectionPool):
        ConnectionCls = Connection

    class SecurePool(HTTPSConnectionPool):
        ConnectionCls = SecureConnection

    return {"http": Pool, "https": SecurePool}


def _connect(connection: HTTPConnection, allowed: Allowed, deadline: Deadline) -> socket.socket:
    """urllib3's own `_new_conn`, with the check between resolving and connecting."""
    host = connection.host
    try:
        last: OSError | None = None
        for address in _checked_addresses(host, connection.port, allowed, deadline):
            try:
                made = create_connection(
                    (address, connection.port),
                    deadline.left(),
                    connection.source_address,
                    connection.socket_options,
                )
                return deadline.watch(made)
            except OSError as error:
                last = error
        raise last or OSError("the name has no address")
    except socket.gaierror as error:
        raise NameResolutionError(host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"{host} did not answer in time") from error
    except OSError as error:
        raise NewConnectionError(connection, f"{host} could not be connected to: {error}") from error


def _checked_addresses(host: str, port: int, allowed: Allowed, deadline: Deadline) -> list[str]:
    """The addresses of a name; one that is not allowed refuses the name as a whole."""
    resolved = _resolved(host.strip("[]"), port, deadline)
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in resolved))
    refused = [address for address in addresses if not allowed(address)]
    if refused:
        raise AddressRefused(
            f"{host} is at {refused[0]}, which is not a public address. "
            "The setting HTTP_ALLOW_PRIVATE allows such addresses."
        )
    return addresses


def _resolved(host: str, port: int, deadline: Deadline) -> list[Any]:
    """What the name stands for. The system's resolver knows no time limit: it is asked on the side."""
    answers: list[Any] = []

    def ask() -> None:
        try:
            answers.append(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
        except (OSError, UnicodeError) as error:
            answers.append(error)

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(deadline.left())
    if not answers:
        raise TimeoutError(f"{host} could not be looked up in time")
    if isinstance(answers[0], Exception):
        raise answers[0]
    return list(answers[0])
