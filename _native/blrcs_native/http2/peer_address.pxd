"""The C face of addresses of clients."""

from blrcs_native.addresses.ip_address cimport AddressC

cdef extern from "<sys/socket.h>" nogil:
    ctypedef unsigned int socklen_t
    ctypedef unsigned short sa_family_t
    int AF_INET
    int AF_INET6
    int AF_UNIX
    struct sockaddr:
        sa_family_t sa_family
    struct sockaddr_storage:
        sa_family_t ss_family


cdef AddressC binary_address(const sockaddr_storage* name) noexcept
cdef str address_of(const sockaddr_storage* name)
cdef str peer_of(const sockaddr_storage* name, str address)
