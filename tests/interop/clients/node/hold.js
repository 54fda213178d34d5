// One call by @grpc/grpc-js, with pings while it lasts: hold.js ADDRESS METHOD
//
// It prints what came of the call.

import grpc from "@grpc/grpc-js";

const [address, method] = process.argv.slice(2);
const same = (bytes) => bytes;
const client = new grpc.Client(address, grpc.credentials.createInsecure(), {
  "grpc.keepalive_time_ms": 1_000,
  "grpc.keepalive_timeout_ms": 60_000,
});
client.makeUnaryRequest(method, same, same, Buffer.alloc(0), (error) => {
  console.log(error ? grpc.status[error.code] : "OK");
  process.exit(); // the connection is open yet
});
