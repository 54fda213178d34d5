// The echo server of @grpc/grpc-js. Prints its port and serves until SIGTERM.

import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import * as grpc from "@grpc/grpc-js";
import { loadSync } from "@grpc/proto-loader";

const { values } = parseArgs({
  options: { protos: { type: "string" }, cert: { type: "string" }, key: { type: "string" } },
});

const service = {
  echo: (call, done) => done(null, call.request),
  echoLater: (call, done) => setImmediate(done, null, call.request),
  expand: async (call) => {
    const { count, payload } = call.request;
    for (let sent = 0; sent < count; sent++) {
      if (!call.write({ payload })) await new Promise((resume) => call.once("drain", resume));
    }
    call.end();
  },
  collect: (call, done) => {
    let messages = 0;
    let payloadBytes = 0;
    call.on("data", (message) => {
      messages += 1;
      payloadBytes += message.payload.length;
    });
    call.on("end", () => done(null, { messages, payloadBytes }));
  },
  converse: (call) => {
    call.on("data", (message) => {
      if (call.write(message)) return;
      call.pause();
      call.once("drain", () => call.resume());
    });
    call.on("end", () => call.end());
  },
};

const { echo } = grpc.loadPackageDefinition(
  loadSync("echo/v1/echo.proto", { includeDirs: [values.protos] }),
);
const credentials = values.cert
  ? grpc.ServerCredentials.createSsl(null, [
      { cert_chain: readFileSync(values.cert), private_key: readFileSync(values.key) },
    ])
  : grpc.ServerCredentials.createInsecure();
const server = new grpc.Server();
server.addService(echo.v1.EchoService.service, service);
server.bindAsync("127.0.0.1:0", credentials, (error, port) => {
  if (error) throw error;
  console.log(port);
});
process.on("SIGTERM", () => server.forceShutdown());
