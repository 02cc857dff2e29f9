"""A client over libpq by ctypes: queries, prepared statements, COPY and notices.

libpq is there wherever the server's programs are, so the tools need no Python driver.  ctypes lets
other threads run while a call waits, so a second connection can watch the first.
"""

import ctypes
import ctypes.util
import re
import time

_NOTICE = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_char_p)
COMMAND_OK, TUPLES_OK, COPY_IN = 1, 2, 4


def _library():
    lib = ctypes.CDLL(ctypes.util.find_library("pq") or "libpq.so.5")
    void, text, integer = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int
    for name, result, args in [
        ("PQconnectdb", void, [text]),
        ("PQstatus", integer, [void]),
        ("PQfinish", None, [void]),
        ("PQerrorMessage", text, [void]),
        ("PQexec", void, [void, text]),
        ("PQprepare", void, [void, text, text, integer, void]),
        ("PQexecPrepared", void, [void, text, integer, void, void, void, integer]),
        ("PQresultStatus", integer, [void]),
        ("PQntuples", integer, [void]),
        ("PQnfields", integer, [void]),
        ("PQgetvalue", text, [void, integer, integer]),
        ("PQgetisnull", integer, [void, integer, integer]),
        ("PQclear", None, [void]),
        ("PQgetResult", void, [void]),
        ("PQputCopyData", integer, [void, text, integer]),
        ("PQputCopyEnd", integer, [void, text]),
        ("PQbackendPID", integer, [void]),
        ("PQsetNoticeProcessor", void, [void, _NOTICE, void]),
    ]:
        function = getattr(lib, name)
        function.restype, function.argtypes = result, args
    return lib


class Error(Exception):
    """What the server or libpq said."""


class Conn:
    """One connection.  notices holds (time, text) of every notice since the last clearing."""

    lib = None

    def __init__(self, conninfo):
        if Conn.lib is None:
            Conn.lib = _library()
        self.notices = []
        self.conn = self.lib.PQconnectdb(conninfo.encode())
        if self.lib.PQstatus(self.conn) != 0:
            message = self.lib.PQerrorMessage(self.conn).decode()
            self.close()
            raise Error(message)
        self.processor = _NOTICE(
            lambda _, text: self.notices.append((time.monotonic(), text.decode().strip()))
        )
        self.lib.PQsetNoticeProcessor(self.conn, self.processor, None)

    def close(self):
        if self.conn:
            self.lib.PQfinish(self.conn)
            self.conn = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def pid(self):
        return self.lib.PQbackendPID(self.conn)

    def _rows(self, result):
        lib = self.lib
        status = lib.PQresultStatus(result)
        if status not in (COMMAND_OK, TUPLES_OK, COPY_IN):
            lib.PQclear(result)
            raise Error(lib.PQerrorMessage(self.conn).decode().strip())
        rows = [
            tuple(
                None if lib.PQgetisnull(result, i, j) else lib.PQgetvalue(result, i, j).decode()
                for j in range(lib.PQnfields(result))
            )
            for i in range(lib.PQntuples(result))
        ]
        lib.PQclear(result)
        return rows

    def query(self, sql):
        """Runs SQL and returns the rows of the last statement, values as text."""
        return self._rows(self.lib.PQexec(self.conn, sql.encode()))

    def value(self, sql):
        return self.query(sql)[0][0]

    def prepare(self, name, sql):
        self._rows(self.lib.PQprepare(self.conn, name.encode(), sql.encode(), 0, None))

    def run(self, name, *params):
        values = (ctypes.c_char_p * len(params))(*[str(p).encode() for p in params])
        return self._rows(
            self.lib.PQexecPrepared(
                self.conn, name.encode(), len(params), values if params else None, None, None, 0
            )
        )

    def copy(self, sql, chunks):
        """COPY ... FROM STDIN with the bytes that chunks yields."""
        self.query(sql)
        for chunk in chunks:
            if self.lib.PQputCopyData(self.conn, chunk, len(chunk)) != 1:
                raise Error(self.lib.PQerrorMessage(self.conn).decode())
        self.lib.PQputCopyEnd(self.conn, None)
        self._rows(self.lib.PQgetResult(self.conn))
        while True:
            rest = self.lib.PQgetResult(self.conn)
            if not rest:
                return
            self._rows(rest)

    def copy_text(self, sql, rows):
        """COPY ... FROM STDIN in text format; white space inside values becomes blanks."""

        def chunks():
            part = []
            for row in rows:
                values = (str(v).replace("\\", "\\\\") for v in row)
                part.append("\t".join(re.sub(r"[\t\n\r]", " ", v) for v in values) + "\n")
                if len(part) == 1000:
                    yield "".join(part).encode()
                    part = []
            yield "".join(part).encode()

        self.copy(sql, chunks())
