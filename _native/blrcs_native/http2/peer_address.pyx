"""Where a connection comes from, in grpc's terms."""

from urllib.parse import quote

from blrcs_native.addresses.ip_address cimport AddressC, from_octets

cdef extern from "<arpa/inet.h>" nogil:
    enum:
        INET6_ADDRSTRLEN
    const char* inet_ntop(int family, const void* address, char* text, unsigned int size)
    unsigned short ntohs(unsigned short number)

cdef extern from "<net/if.h>" nogil:
    enum:
        IF_NAMESIZE
    char* if_indextoname(unsigned int index, char* name)

cdef extern from "<netinet/in.h>" nogil:
    struct in_addr:
        pass
    struct in6_addr:
        unsigned char s6_addr[16]
    struct sockaddr_in:
        unsigned short sin_port
        in_addr sin_addr
    struct sockaddr_in6:
        unsigned short sin6_port
        in6_addr sin6_addr
        unsigned int sin6_scope_id
    bint IN6_IS_ADDR_V4MAPPED(const in6_addr* address)

cdef enum:
    MAPPED_IPV4_AT = 12


cdef AddressC binary_address(const sockaddr_storage* name) noexcept:
    cdef AddressC address
    if name.ss_family == AF_INET:
        return from_octets(
            <const unsigned char*>&(<const sockaddr_in*>name).sin_addr, sizeof(in_addr)
        )
    if name.ss_family == AF_INET6:
        return from_octets(
            <const unsigned char*>&(<const sockaddr_in6*>name).sin6_addr, sizeof(in6_addr)
        )
    address.known = False
    return address


cdef str address_of(const sockaddr_storage* name):
    """Without the port; `unix` where there is none. A socket of both families: an IPv4 client's
    address is one, however it came."""
    cdef char text[INET6_ADDRSTRLEN]
    cdef char link[IF_NAMESIZE]
    cdef const sockaddr_in6* six
    if name.ss_family == AF_INET:
        inet_ntop(AF_INET, &(<const sockaddr_in*>name).sin_addr, text, sizeof(text))
        return text.decode("ascii")
    if name.ss_family != AF_INET6:
        return "unix"
    six = <const sockaddr_in6*>name
    if IN6_IS_ADDR_V4MAPPED(&six.sin6_addr):
        inet_ntop(AF_INET, &six.sin6_addr.s6_addr[MAPPED_IPV4_AT], text, sizeof(text))
        return text.decode("ascii")
    inet_ntop(AF_INET6, &six.sin6_addr, text, sizeof(text))
    if six.sin6_scope_id == 0:
        return text.decode("ascii")
    if if_indextoname(six.sin6_scope_id, link) == NULL:
        return f"{text.decode('ascii')}%{six.sin6_scope_id}"
    return f"{text.decode('ascii')}%{link.decode('ascii')}"


cdef str peer_of(const sockaddr_storage* name, str address):
    """The client as grpc names it, its address being known: `ipv4:127.0.0.1:80`,
    `ipv6:%5B::1%5D:80`, or `unix:` where it has none."""
    if name.ss_family == AF_INET:
        return f"ipv4:{address}:{ntohs((<const sockaddr_in*>name).sin_port)}"
    if name.ss_family != AF_INET6:
        return "unix:"
    port = ntohs((<const sockaddr_in6*>name).sin6_port)
    if ":" in address:
        return f"ipv6:{quote(f'[{address}]', safe=':')}:{port}"
    return f"ipv4:{address}:{port}"
