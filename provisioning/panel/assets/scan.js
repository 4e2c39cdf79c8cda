// Holding a code to the camera: asks until one is read, for as long as somebody wants it.

import { call, Refused } from "./call.js";

const AGAIN_MS = 1500;

export function scan(kind, found, told, at = "/scan") {
  // Calls `found` with what was read, once, and `told` with each new sentence ("" when it goes well again).
  const asked = at === "/scan" ? `/scan/${kind}` : `${at}/scan`;
  let wanted = true;
  let before = "";
  const once = async () => {
    try {
      return await call("POST", asked);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      return { read: "", sentence: error.message };
    }
  };
  const ask = async () => {
    while (wanted) {
      const { read, sentence } = await once();
      if (!wanted) return;
      if (read) {
        wanted = false;
        found(read);
        return;
      }
      if (sentence !== before) told(sentence);
      before = sentence;
      if (sentence) await new Promise((resolve) => { setTimeout(resolve, AGAIN_MS); });
    }
  };
  ask();
  return () => {
    if (!wanted) return;
    wanted = false;
    call("POST", `${at}/stop`).catch(() => {});
  };
}
