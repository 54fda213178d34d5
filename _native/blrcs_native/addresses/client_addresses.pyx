"""Where calls come from that trusted proxies pass on."""

cimport cython

from blrcs_native.addresses.address_set cimport AddressSet
from blrcs_native.addresses.ip_address cimport AddressC, address_in, address_text
from blrcs_native.calls.field_name cimport field_part, is_named

from blrcs_native.addresses.forwarded_header import forwarded_nodes

MAX_HOPS = 32
HEADERS = ("x-forwarded-for", "forwarded")

cdef enum:
    MAX_KNOWN = 4096
    MAX_KNOWN_CHARS = 256
    MAX_PORT_CHARS = 5

SPACE = " \t"


cdef str host_in(str node):
    """What is before the port of a node, without brackets; None where it is none."""
    cdef str host
    cdef str port
    if node.startswith("["):
        host, bracket, port = node[1:].partition("]")
        if not bracket or ":" not in host:
            return None
        if not port:
            return host
        if not port.startswith(":"):
            return None
        port = port[1:]
    elif node.count(":") == 1:
        host, _, port = node.partition(":")
    else:
        return node
    if port.isascii() and port.isdigit() and len(port) <= MAX_PORT_CHARS:
        return host
    return None


cdef AddressC node_address(str node) except *:
    """Of a hop; not known where it is no address."""
    cdef AddressC address
    cdef str host = host_in(node)
    address.known = False
    if host is None or "%" in host or not host.isascii():
        return address
    return address_in(host)


@cython.final
cdef class ClientAddresses:
    def __cinit__(self, trusted, str header not None):
        if header not in HEADERS:
            raise ValueError(f"header is one of {', '.join(HEADERS)}")
        self.trusted = AddressSet(trusted)
        self.header = header
        self._is_list = header == HEADERS[0]
        self._known = {}

    def client(self, metadata, str peer not None):
        return self.resolve(metadata, peer)

    cdef str resolve(self, object metadata, str peer):
        cdef str first = None
        cdef list others = None
        cdef str client
        if not self.trusted.has_text(peer):
            return peer
        for field in metadata:
            if not is_named(field_part(field, 0), self.header):
                continue
            value = field_part(field, 1)
            if type(value) is not str:
                return None
            if first is None:
                first = <str>value
                continue
            if others is None:
                others = []
            others.append(value)
        if first is None:
            return peer
        if others is not None or len(first) > MAX_KNOWN_CHARS:
            return self._walk([first, *(others or ())], peer)
        # What it says does not depend on who of those trusted hands it on.
        known = self._known.get(first)
        if known is not None:
            return <str>known
        client = self._walk([first], peer)
        if client is not None and client is not peer:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[first] = client
        return client

    cdef str _walk(self, list values, str peer):
        """Hop by hop from the nearest; what lies beyond the client is not looked at."""
        cdef AddressC hop
        cdef AddressC farthest
        cdef int hops = 0
        farthest.known = False
        for value in reversed(values):
            nodes = self._nodes(<str>value)
            if nodes is None:
                return None
            for node in reversed(nodes):
                node = (<str>node).strip(SPACE)
                hops += 1
                if hops > MAX_HOPS:
                    return None
                if not node and self._is_list:
                    continue
                hop = node_address(<str>node)
                if not hop.known:
                    return None
                if not self.trusted.has(&hop):
                    return address_text(&hop)
                farthest = hop
        return address_text(&farthest) if farthest.known else peer

    cdef object _nodes(self, str value):
        """Its hops; of a list no more are told apart than are looked at."""
        if self._is_list:
            return value.rsplit(",", MAX_HOPS)
        return forwarded_nodes(value)
