// Load by @grpc/grpc-js: load.js ADDRESS METHOD
//
// It calls the method all the time, from several connections, until standard input ends. It prints
// a line once there was a reply on each, and at the end the number of calls and every other status.

import grpc from "@grpc/grpc-js";

const CHANNELS = 2;
const CALLS_OF_A_CHANNEL = 2;
const TIMEOUT_MS = 60_000;
const [address, method] = process.argv.slice(2);
const same = (bytes) => bytes;
let over = false;
let calls = 0;
const answering = new Set();

const empty = (client) => new Promise((resolve) => {
  const end = { deadline: Date.now() + TIMEOUT_MS };
  client.makeUnaryRequest(method, same, same, Buffer.alloc(0), end, (error) => resolve(error));
});

async function call(client) {
  while (!over) {
    const error = await empty(client);
    calls += 1;
    if (error) {
      console.log(`failed: ${error.message}`);
    } else if (!answering.has(client)) {
      answering.add(client);
      if (answering.size === CHANNELS) console.log("answered");
    }
  }
}

const callers = Array.from({ length: CHANNELS }, () => {
  const own = { "grpc.use_local_subchannel_pool": 1 };
  const client = new grpc.Client(address, grpc.credentials.createInsecure(), own);
  return Array.from({ length: CALLS_OF_A_CHANNEL }, () => call(client));
}).flat();
process.stdin.on("end", () => { over = true; }).resume();
await Promise.all(callers);
console.log(`calls: ${calls}`);
process.exit(); // connections are open yet
