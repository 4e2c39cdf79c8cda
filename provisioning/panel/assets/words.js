// The catalogue of the page's language, as the page brought it. A key with two sentences chooses by `number`.

const words = JSON.parse(document.getElementById("words").content);
const KINDS = ["face", "tattoo", "text", "code"];

export function word(key, values = {}) {
  const found = words[key];
  const said = typeof found === "string" ? found : found[values.number === 1 ? "one" : "other"];
  return said.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

export function covered(regions) {
  const parts = KINDS.flatMap((kind) => {
    const number = regions.filter((region) => region.kind === kind).length;
    return number ? [word(`counted.${kind}`, { number })] : [];
  });
  if (!parts.length) return word("covered.none-in-view");
  const last = parts.pop();
  const what = parts.length ? word("format.and", { first: parts.join(", "), last }) : last;
  return word("covered.some", { what });
}
