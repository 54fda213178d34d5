"""The parts of an instant: of the calendar of Gregory, in UTC or in a time zone."""

from datetime import datetime

cimport cython
from libc.stdint cimport int64_t

from blrcs_native.conditions.condition cimport ERROR, UNKNOWN, Facts, Node
from blrcs_native.conditions.value cimport Instant

cdef int64_t NS_PER_S = 1_000_000_000
cdef int64_t S_PER_DAY = 86_400
# No zone changes its offset within one.
cdef int64_t S_PER_SLOT = 900


cdef enum Part:
    YEAR
    MONTH
    DATE
    DAY_OF_MONTH
    DAY_OF_WEEK
    DAY_OF_YEAR
    HOURS
    MINUTES
    SECONDS
    MILLISECONDS


PARTS = {
    "getFullYear": YEAR,
    "getMonth": MONTH,
    "getDate": DATE,
    "getDayOfMonth": DAY_OF_MONTH,
    "getDayOfWeek": DAY_OF_WEEK,
    "getDayOfYear": DAY_OF_YEAR,
    "getHours": HOURS,
    "getMinutes": MINUTES,
    "getSeconds": SECONDS,
    "getMilliseconds": MILLISECONDS,
}


cdef int calendar_part(int64_t days, Part part) noexcept:
    """Of a day since 1970-01-01, by eras of 400 years that begin in March."""
    cdef int64_t shifted = days + 719_468
    cdef int64_t era = shifted // 146_097
    cdef int64_t of_era = shifted - era * 146_097
    cdef int64_t year_of_era = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    cdef int64_t of_year = of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    cdef int64_t shifted_month = (5 * of_year + 2) // 153
    cdef int64_t day = of_year - (153 * shifted_month + 2) // 5 + 1
    cdef int64_t month = shifted_month + 3 if shifted_month < 10 else shifted_month - 9
    cdef int64_t year = year_of_era + era * 400 + (1 if month <= 2 else 0)
    cdef bint leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if part == YEAR:
        return year
    if part == MONTH:
        return month - 1
    if part == DATE:
        return day
    if part == DAY_OF_MONTH:
        return day - 1
    # From March on, the year's first two months lie behind.
    return of_year - 306 if month <= 2 else of_year + 59 + leap


@cython.final
cdef class TimePart(Node):
    cdef Node _operand
    cdef Part _part
    cdef object _zone  # None is UTC
    cdef int64_t _slot
    cdef int64_t _offset_s

    def __init__(self, Node operand not None, str part not None, zone=None):
        self._operand = operand
        self._part = PARTS[part]
        self._zone = zone
        self._slot = -1

    cdef object value(self, Facts facts):
        cdef int64_t seconds, days, of_day
        operand = self._operand.value(facts)
        if type(operand) is not Instant:
            return UNKNOWN if operand is UNKNOWN else ERROR
        seconds = (<Instant>operand).ns // NS_PER_S
        if self._part == MILLISECONDS:
            return ((<Instant>operand).ns - seconds * NS_PER_S) // 1_000_000
        if self._zone is not None:
            seconds += self._offset_at(seconds)
        days = seconds // S_PER_DAY
        of_day = seconds - days * S_PER_DAY
        if self._part == HOURS:
            return of_day // 3_600
        if self._part == MINUTES:
            return of_day // 60 % 60
        if self._part == SECONDS:
            return of_day % 60
        if self._part == DAY_OF_WEEK:
            return (days + 4) % 7
        return calendar_part(days, self._part)

    cdef int64_t _offset_at(self, int64_t seconds) except? -1:
        """The zone's offset, which is looked up once for as long as it cannot change."""
        cdef int64_t slot = seconds // S_PER_SLOT
        if slot != self._slot:
            offset = datetime.fromtimestamp(seconds, self._zone).utcoffset()
            self._offset_s = offset.days * S_PER_DAY + offset.seconds
            self._slot = slot
        return self._offset_s
