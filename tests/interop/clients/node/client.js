// The interop client on @grpc/grpc-js: client.js --proto FILE [--ca FILE] ADDRESS CASE...
//
// It prints a line for each case: `CASE ok`, or `CASE failed: REASON`.

import { names, open } from "./calls.js";
import { cases } from "./cases.js";

const client = open();
for (const name of names) {
  try {
    await cases[name](client);
    console.log(`${name} ok`);
  } catch (error) {
    console.error(error);
    console.log(`${name} failed: ${String(error).replaceAll("\n", " ")}`);
  }
}
client.close();
process.exit(); // grpc-js keeps the timers of cancelled calls' deadlines
