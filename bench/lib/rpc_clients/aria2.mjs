// npm aria2: a multicall and a batch over HTTP, all else over a WebSocket.

import Aria2 from "aria2";

import { port, secret, slow, use } from "./session.mjs";

const client = new Aria2({ host: "127.0.0.1", port, secret });
const heard = [];

const check = (what, isRight) => console.log(`${isRight ? "right" : "WRONG"}  npm aria2: ${what}`);
const refused = (wrong) => {
  const stranger = new Aria2({ host: "127.0.0.1", port, secret: wrong });
  return stranger.call("getVersion").then(() => "it was answered", String);
};
const calls = [["getVersion"], ["addUri", [slow], { out: "other.bin", pause: "true" }]];
const [[version], [gid]] = await client.multicall(calls);
check("multicall over HTTP", version.version && gid);
const [removed, after] = await Promise.all(await client.batch([["remove", gid], ["tellWaiting", 0, 9]]));
check("batch over HTTP", removed === gid && after.length === 0);
await client.open();
for (const what of await client.listNotifications()) client.on(what, ([{ gid }]) => heard.push({ what, gid }));
await use("npm aria2", (...call) => client.call(...call), heard, refused);
