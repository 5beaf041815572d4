// What both scripts for Node share: the calls, which do not depend on the library.

const PATIENCE = 20_000;

export const [port, secret, slow, missing] = process.argv.slice(2);

// Calls methods through `call(method, ...params)`; `heard` has what was notified, and
// `refused(secret)` is what a call with a wrong secret says.
export async function use(name, call, heard, refused) {
  const check = (what, isRight, says) => {
    const tail = isRight ? "" : `: ${JSON.stringify(says) ?? ""}`;
    console.log(`${isRight ? "right" : "WRONG"}  ${name}: ${what}${tail}`);
  };
  const until = async (isTrue, what) => {
    const deadline = Date.now() + PATIENCE;
    while (!(await isTrue())) {
      if (Date.now() > deadline) throw new Error(`${what} did not come`);
      await new Promise((done) => setTimeout(done, 50));
    }
    check(what, true);
  };
  const has = async (gid, status) => (await call("tellStatus", gid, ["status"])).status === status;
  const about = (gid) => heard.filter((each) => each.gid === gid).map((each) => each.what.replace("onDownload", ""));

  const said = await refused("wrong");
  check("a wrong secret is refused", said.includes("Unauthorized"), said);
  check("version", typeof (await call("getVersion")).version === "string");
  const failing = await call("addUri", [missing]);
  await until(() => has(failing, "error"), "error");
  check("code of the error", (await call("tellStatus", failing)).errorCode === "3");
  const whole = await call("addUri", [slow], { out: "whole.bin", "max-download-limit": "1M" });
  await until(async () => Number((await call("tellStatus", whole)).completedLength) > 0, "progress");
  await call("pause", whole);
  await until(() => has(whole, "paused"), "paused");
  check("options are set", (await call("changeOption", whole, { "max-download-limit": "0" })) === "OK");
  check("options are returned", (await call("getOption", whole)).out === "whole.bin");
  const gids = [];
  for (const out of ["0.bin", "1.bin", "2.bin"]) gids.push(await call("addUri", [slow], { out, pause: "true" }, 0));
  check("positions", (await call("changePosition", gids[0], -2, "POS_CUR")) === 0);
  const order = (await call("tellWaiting", 0, 9, ["gid"])).map((each) => each.gid);
  check("order", String(order) === String([gids[0], gids[2], gids[1], whole]), order);
  await call("unpause", whole);
  await until(() => has(whole, "complete"), "complete");
  await until(() => String(about(whole)) === "Start,Pause,Start,Complete", "notifications of a download");
  check("notification of the error", String(about(failing)) === "Start,Error", about(failing));
  gids.push(await call("addUri", [slow], { out: "removed.bin", "max-download-limit": "1K" }));
  await until(() => has(gids[3], "active"), "active");
  for (const gid of gids) check("remove", (await call("remove", gid)) === gid);
  await until(() => String(about(gids[3])) === "Start,Stop", "notification of a removal");
  await call("purgeDownloadResult");
  check("purge", (await call("tellStopped", 0, 9)).length === 0);
  await call("changeGlobalOption", { "max-concurrent-downloads": "7" });
  check("global options", (await call("getGlobalOption"))["max-concurrent-downloads"] === "7");
  check("statistics", (await call("getGlobalStat")).numActive === "0");
  check("shutdown", (await call("shutdown")) === "OK");
}
