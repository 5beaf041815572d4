// npm maria2: over HTTP with a wrong secret, all else over a WebSocket.

// Its package.json names a module for bundlers alone.
import { aria2, close, createHTTP, createWebSocket, open, system } from "maria2/dist/index.js";

import { port, secret, slow, use } from "./session.mjs";

const at = `127.0.0.1:${port}/jsonrpc`;
const heard = [];

const check = (what, isRight) => console.log(`${isRight ? "right" : "WRONG"}  npm maria2: ${what}`);
const refused = async (wrong) => {
  const stranger = await open(createHTTP(`http://${at}`), { secret: wrong });
  return aria2.getVersion(stranger).then(() => "it was answered", ({ message }) => message);
};
const client = await open(createWebSocket(`ws://${at}`), { secret });
const call = { methodName: "aria2.addUri", params: [[slow], { pause: "true" }] };
const [[gid]] = await system.multicall(client, call);
check("multicall", (await aria2.remove(client, gid)) === gid);
for (const what of ["onDownloadStart", "onDownloadPause", "onDownloadStop", "onDownloadComplete", "onDownloadError"])
  aria2.when(client, `aria2.${what}`, ({ gid }) => heard.push({ what, gid }));
await use("npm maria2", (method, ...params) => aria2[method](client, ...params), heard, refused);
close(client);
