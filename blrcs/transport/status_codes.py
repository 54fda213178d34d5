"""grpc's status codes by their numbers."""

import grpc

STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}
